// Executes declarative Jenkinsfiles without Jenkins, one build for each line of standard input: groovy run.groovy
//
// First the whole file is read against GRAMMAR, also what this build would skip: an unknown or misplaced section, step or
// option is refused with its line. Then the stages run in order; every agent is a fresh clone of the repository. `sh` is
// really run. What happened is written, an event a line, to the trail.
//
// A line is {jenkinsfile, repository, workspaces, trail, log, branch, env: {}, parameters: {}, approve: bool,
// credentials: {id: {kind, …}}}, the answer {result} or {wrong}, which says what is wrong with the Jenkinsfile.
//
// What it can't know: Jenkins' plugins, its sandbox, and what survives a restart of Jenkins.
import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import groovy.transform.Field
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.BinaryExpression
import org.codehaus.groovy.ast.expr.ClosureExpression
import org.codehaus.groovy.ast.expr.MethodCallExpression
import org.codehaus.groovy.ast.expr.TupleExpression
import org.codehaus.groovy.ast.stmt.BlockStatement
import org.codehaus.groovy.ast.stmt.ExpressionStatement
import org.codehaus.groovy.control.CompilePhase
import org.codehaus.groovy.control.MultipleCompilationErrorsException

// In a block of this kind these words may stand; a word's value is the kind of its own block, null if it has none.
@Field static final Map GRAMMAR = [
  file       : [pipeline: 'pipeline'],
  pipeline   : [agent: 'agent', options: 'options', environment: 'environment', parameters: 'parameters', stages: 'stages', post: 'post'],
  stages     : [stage: 'stage'],
  stage      : [agent: 'agent', options: 'options', environment: 'environment', when: 'when', steps: 'steps', stages: 'stages', post: 'post'],
  agent      : [label: null],
  options    : [disableConcurrentBuilds: null, buildDiscarder: null, timestamps: null, timeout: null, lock: null],
  parameters : [choice: null],
  when       : [branch: null, beforeOptions: null, anyOf: 'when', expression: 'groovy'],
  post       : ['always', 'success', 'failure', 'aborted', 'unsuccessful'].collectEntries { [it, 'steps'] },
  steps      : [sh: null, junit: null, input: null, checkout: null, script: 'groovy', node: 'steps', withEnv: 'steps', withCredentials: 'steps'],
]
@Field static final Map NEEDED = [pipeline: ['agent', 'stages'], stages: ['stage'], post: [], steps: []]
@Field static final List MANY = ['stages', 'steps', 'when', 'options', 'parameters'] // where a word may stand more than once

class Wrong extends RuntimeException { Wrong(String message) { super(message) } }      // the Jenkinsfile
class Failed extends RuntimeException { Failed(String message) { super(message) } }    // a step
class Refused extends Failed { Refused(String message) { super(message) } }            // by a person

// --- reading

class Reader {
  static final Set BOUND = ['string', 'sshUserPrivateKey', 'usernamePassword']
  Map grammar, needed; List many

  void file(String text) {
    try {
      new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text).findAll { it instanceof BlockStatement }.each { block(it, 'file') }
    } catch (MultipleCompilationErrorsException e) {
      throw new Wrong(e.message)
    }
  }

  void block(BlockStatement block, String kind) {
    if (kind == 'groovy') { block.visit(new Calls(known: grammar.steps.keySet() + BOUND)); return }
    if (kind == 'environment') { block.statements.each { assignment(it) }; return }
    List words = block.statements.collect { word(it, kind) }
    if (words.empty) throw new Wrong("line $block.lineNumber: $kind is empty")
    (needed[kind] ?: []).each { if (!(it in words)) throw new Wrong("line $block.lineNumber: $kind has no $it") }
    if (!(kind in many) && words.size() != words.toSet().size()) throw new Wrong("line $block.lineNumber: $kind says something twice: $words")
    if (kind == 'stage' && words.count { it in ['steps', 'stages'] } != 1) throw new Wrong("line $block.lineNumber: a stage has steps or stages, one of them")
  }

  String word(statement, String kind) {
    def call = statement instanceof ExpressionStatement ? statement.expression : null
    if (!(call instanceof MethodCallExpression) || !call.implicitThis) throw new Wrong("line $statement.lineNumber: only ${grammar[kind].keySet()} may stand in $kind")
    String word = call.methodAsString
    if (!grammar[kind].containsKey(word)) throw new Wrong("line $statement.lineNumber: there is no $word in $kind, only ${grammar[kind].keySet()}")
    List given = call.arguments instanceof TupleExpression ? call.arguments.expressions : []
    List blocks = given.findAll { it instanceof ClosureExpression }
    if (blocks && !grammar[kind][word]) throw new Wrong("line $statement.lineNumber: $word takes no block")
    blocks.each { block(it.code, grammar[kind][word]) }
    word
  }

  void assignment(statement) {
    def expression = statement instanceof ExpressionStatement ? statement.expression : null
    if (!(expression instanceof BinaryExpression) || expression.operation.text != '=') throw new Wrong("line $statement.lineNumber: environment takes NAME = value")
  }
}

// In script and expression anything may stand, but what is called must be a step.
class Calls extends CodeVisitorSupport {
  Set known
  void visitMethodCallExpression(MethodCallExpression call) {
    if (call.implicitThis && !(call.methodAsString in known)) throw new Wrong("line $call.lineNumber: there is no step $call.methodAsString")
    super.visitMethodCallExpression(call)
  }
  void visitClosureExpression(ClosureExpression closure) { closure.code.visit(this) }
}

// --- running: a block's closure speaks to one of these and to nothing else

class Block {
  def build
  def run(Closure block) { block.delegate = this; block.resolveStrategy = Closure.DELEGATE_ONLY; block.call() }
  def getEnv() { build.env }
  def getParams() { build.parameters }
  def getCurrentBuild() { [currentResult: build.result] }
  def getScm() { 'scm' }
  def propertyMissing(String name) {
    if (!build.env.containsKey(name)) throw new Wrong("there is no variable $name here")
    build.env[name]
  }
  def methodMissing(String name, arguments) { throw new Wrong("there is no $name here with such arguments: $arguments") }
}

class Sections extends Block {
  Map found = [:]; List stages = []
  def getNone() { 'none' }
  def agent(what) { found.agent = what }
  def options(Closure block) { found.options = block }
  def environment(Closure block) { found.environment = block }
  def parameters(Closure block) { new Parameters(build: build).run(block) }
  def when(Closure block) { found.when = block }
  def steps(Closure block) { found.steps = block }
  def stages(Closure block) { run(block) }
  def stage(String name, Closure block) { stages << [name, block] }
  def post(Closure block) { found.post = block }
}

class Parameters extends Block {
  def choice(Map given) {
    def chosen = build.parameters.computeIfAbsent(given.name) { given.choices[0] }
    if (!(chosen in given.choices)) throw new Wrong("$given.name is $chosen, and the choices are $given.choices")
  }
}

class Options extends Block {
  List locks = []
  def lock(String name) { locks << name }
  def timeout(Map given) { java.util.concurrent.TimeUnit.valueOf(given.unit).toMillis(given.time) }
  def buildDiscarder(what) { }
  def logRotator(Map given) { }
  def disableConcurrentBuilds() { build.tell(event: 'one build at a time') }
  def timestamps() { }
}

class When extends Block {
  List answers = []
  def branch(String name) { answers << (build.env.BRANCH_NAME == name) }
  def beforeOptions(boolean yes) { }
  def expression(Closure block) { answers << (run(block) as boolean) }
  def anyOf(Closure block) { def inner = new When(build: build); inner.run(block); answers << inner.answers.any() }
}

class Agent extends Block { def label(String name) { } }

class Environment extends Block {
  def credentials(id) { build.credential(id) }
  def propertyMissing(String name, value) {
    build.env[name] = value instanceof Map ? value.value : value.toString()
  }
}

class Post extends Block {
  Map found = [:]
  def always(Closure block) { found.always = block }
  def success(Closure block) { found.success = block }
  def failure(Closure block) { found.failure = block }
  def aborted(Closure block) { found.aborted = block }
  def unsuccessful(Closure block) { found.unsuccessful = block }
}

class Steps extends Block {
  def sh(String script) { build.shell(script) }
  def script(Closure block) { run(block) }
  def node(String label, Closure block) { build.onAgent(false) { run(block) } }
  def checkout(what) { build.checkOut() }
  def withEnv(List pairs, Closure block) { build.scoped { pairs.each { def (name, value) = it.toString().split('=', 2); build.env[name] = value }; run(block) } }
  def withCredentials(List bound, Closure block) { build.scoped { bound.each { build.env.putAll(it) }; run(block) } }
  def string(Map given) { [(given.variable): build.credential(given.credentialsId, 'string').value] }
  def sshUserPrivateKey(Map given) { [(given.keyFileVariable): build.credential(given.credentialsId, 'sshUserPrivateKey').value] }
  def usernamePassword(Map given) {
    def found = build.credential(given.credentialsId, 'usernamePassword')
    [(given.usernameVariable): found.user, (given.passwordVariable): found.password]
  }
  def junit(String pattern) {
    if (!new File(build.workspace, pattern).exists()) throw new Failed("no test report at $pattern")
    build.tell(event: 'junit', file: pattern)
  }
  def input(Map given) {
    build.tell(event: 'input', message: given.message, submitter: given.submitter, answer: build.approve)
    if (!build.approve) throw new Refused("refused: $given.message")
  }
}

class Build {
  File trail, workspaces, log, workspace; String repository, result = 'SUCCESS'; boolean approve
  Map env, parameters, credentials, secrets = [:]; List path = []; int agents = 0

  void say(String words) { log << words + '\n' }
  void tell(Map event) { trail << JsonOutput.toJson(event) + '\n' }

  void pipeline(Closure block) {
    def top = new Sections(build: this)
    top.run(block)
    parameters.each { name, value -> env[name] = value.toString() }
    try {
      around(top) { top.stages.each { name, body -> stage(name, body) } }
    } catch (Failed e) { say(e.message) }
    tell(event: 'result', result: result)
  }

  void stage(String name, Closure body) {
    def stage = new Sections(build: this)
    stage.run(body)
    path << name
    scoped {
      if (applies(stage.found.when)) {
        tell(event: 'stage', name: path.join(' / '))
        around(stage) { stage.found.steps ? new Steps(build: this).run(stage.found.steps) : stage.stages.each { inner, block -> this.stage(inner, block) } }
      } else tell(event: 'skipped', name: path.join(' / '))
    }
    path.pop()
  }

  // What stands around the stages or steps of a block: its locks, its agent, its variables, and what follows it.
  void around(Sections sections, Closure inner) {
    def options = new Options(build: this)
    if (sections.found.options) options.run(sections.found.options)
    options.locks.each { tell(event: 'lock', name: it) }
    def own = {
      Failed failed = null
      try {
        if (sections.found.environment) new Environment(build: this).run(sections.found.environment)
        inner()
      } catch (Failed e) {
        failed = e
        result = e instanceof Refused ? 'ABORTED' : 'FAILURE'
      }
      after(sections.found.post, failed)
      if (failed) throw failed
    }
    sections.found.agent instanceof Closure ? onAgent(true, own) : own()
    options.locks.each { tell(event: 'unlock', name: it) }
  }

  void after(Closure block, Failed failed) {
    if (!block) return
    def post = new Post(build: this)
    post.run(block)
    def conditions = !failed ? ['always', 'success'] : ['always', failed instanceof Refused ? 'aborted' : 'failure', 'unsuccessful']
    conditions.findAll { post.found[it] }.each { condition ->
      tell(event: 'post', of: path.join(' / ') ?: 'pipeline', condition: condition)
      try { scoped { new Steps(build: this).run(post.found[condition]) } } catch (Failed e) { say(e.message); result = 'FAILURE' }
    }
  }

  boolean applies(Closure block) {
    if (!block) return true
    def when = new When(build: this)
    when.run(block)
    when.answers.every()
  }

  void scoped(Closure inner) {
    def saved = new TreeMap(env)
    try { inner() } finally { env = saved }
  }

  void onAgent(boolean withCode, Closure inner) {
    def outer = workspace
    workspace = new File(workspaces, "agent-${++agents}")
    workspace.mkdirs()
    if (withCode) checkOut()
    try { inner() } finally { workspace = outer }
  }

  void checkOut() { process(['git', 'clone', '--quiet', '--shared', repository, '.'], false) }

  Map credential(id, String kind = null) {
    def found = credentials[id.toString()]
    if (!found) throw new Failed("credential $id is not known")
    if (kind && found.kind != kind) throw new Wrong("credential $id is a $found.kind, not a $kind")
    if (found.password) secrets[id] = found.password
    found
  }

  void shell(String script) {
    secrets.each { id, value -> if (script.contains(value)) throw new Wrong("the secret $id stands in a command: let the shell expand it") }
    if (!workspace) throw new Wrong("sh outside of an agent: $script")
    int code = process(['bash', '-xe', '-c', script], true)
    tell(event: 'sh', script: script, code: code)
    if (code) throw new Failed("script returned exit code $code: $script")
  }

  int process(List command, boolean failing) {
    def builder = new ProcessBuilder(command.collect { it.toString() }).directory(workspace).redirectErrorStream(true)
    builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log))
    builder.environment().clear()
    builder.environment().putAll(env)
    int code = builder.start().waitFor()
    if (code && !failing) throw new Failed("${command[0]} ended with $code")
    code
  }
}

Map answer(Map given) {
  String text = new File(given.jenkinsfile).text
  try {
    new Reader(grammar: GRAMMAR, needed: NEEDED, many: MANY).file(text)
    def build = new Build(
      trail: new File(given.trail), workspaces: new File(given.workspaces), log: new File(given.log), repository: given.repository,
      approve: given.approve, parameters: given.parameters, credentials: given.credentials,
      env: new TreeMap(given.env + [BRANCH_NAME: given.branch, BUILD_NUMBER: '7', JOB_NAME: 'damso/' + given.branch]))
    new GroovyShell(new Binding(pipeline: { Closure block -> build.pipeline(block) })).evaluate(text, 'Jenkinsfile')
    [result: build.result]
  } catch (Wrong e) {
    [wrong: e.message]
  }
}

System.in.eachLine { println JsonOutput.toJson(answer(new JsonSlurper().parseText(it))); System.out.flush() }
