// One HTTP exchange with the API: JSON there and back, an error of one shape. Knows nothing of tokens but how to carry one.

const PREFIX = "/api/v1";
const PATIENCE_MS = 20_000;

/** The server answered, and the answer is no. `code` is stable; `detail` is for people, in their language. */
export class ApiError extends Error {
  constructor({ status, code, detail = "", errors = [], requestId = null, retryAfter = null, until = null }) {
    super(`${status} ${code}`);
    this.name = "ApiError";
    Object.assign(this, { status, code, detail, errors, requestId, retryAfter, until });
  }
}

/** No answer: offline, cut, or longer than 20 s. Whether the server did what was asked is not known. */
export class NetworkError extends Error {
  constructor(cause) {
    super("no answer from the server", { cause });
    this.name = "NetworkError";
  }
}

export class Http {
  #base;
  #language;
  #onServerTime;
  #onSuspended;

  constructor({ base, language, onServerTime, onSuspended }) {
    this.#base = base;
    this.#language = language;
    this.#onServerTime = onServerTime;
    this.#onSuspended = onSuspended;
  }

  /** The parsed answer, null for an empty one. Throws ApiError or NetworkError; an aborted `signal` throws its own reason. */
  async request(method, path, { body, query, token, signal, cookies = false, headers = {} } = {}) {
    const response = await this.#fetch(method, path, { body, query, token, signal, cookies, headers });
    const answer = await readJson(response);
    if (!response.ok) throw this.#refusal(response, answer);
    if (answer?.server_time) this.#onServerTime(answer.server_time);
    return answer;
  }

  async #fetch(method, path, { body, query, token, signal, cookies, headers }) {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    try {
      return await fetch(this.#base + PREFIX + path + queryString(query), {
        method,
        headers: {
          Accept: "application/json",
          "Accept-Language": this.#language(),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
          ...headers,
        },
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: cookies ? "include" : "omit",
        cache: method === "GET" ? "default" : "no-store",
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      throw new NetworkError(error);
    }
  }

  #refusal(response, answer) {
    const error = new ApiError({
      status: response.status,
      code: answer?.code ?? `http_${response.status}`,
      detail: answer?.detail,
      errors: answer?.errors,
      requestId: answer?.request_id ?? response.headers.get("X-Request-ID"),
      retryAfter: seconds(response.headers.get("Retry-After")),
      until: answer?.until,
    });
    if (error.code === "suspended") this.#onSuspended(error.until);
    return error;
  }
}

async function readJson(response) {
  const text = await response.text().catch((error) => { throw new NetworkError(error); });
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    // A proxy's own error page: the status alone has to do. A success that is not JSON did not come from our API.
    if (!response.ok) return null;
    throw new ApiError({ status: response.status, code: "not_json" });
  }
}

function queryString(query) {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null);
  return pairs.length ? `?${new URLSearchParams(pairs)}` : "";
}

function seconds(header) {
  return header !== null && /^\d+$/.test(header) ? Number(header) : null;
}
