import ast
import gettext
import re
import subprocess
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.translation.template import templatize

from dev.messages import LOCALES, catalogue, compile_all
from dev.stack.process import CLONE

STOREYS = ["accounts", "chat", "config", "core", "dev", "mainpage"]
TRANSLATORS = {
    *("_", "gettext", "gettext_lazy", "gettext_noop"),
    *("ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy", "npgettext"),
}

HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
)


def write(locales: Path, text: str) -> Path:
    source = locales / "ko" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(HEADER + text, encoding="utf-8")
    return source


def translations(locales: Path) -> gettext.NullTranslations:
    return gettext.translation("django", locales, ["ko"])


def test_a_compiled_catalogue_translates(tmp_path: Path) -> None:
    write(
        tmp_path,
        'msgid "Hello, %(name)s\\n"\nmsgstr "안녕하세요, %(name)s\\n"\n\n'
        'msgctxt "room"\nmsgid "Leave"\nmsgstr "나가기"\n\n'
        'msgid ""\n"a long "\n"text"\nmsgstr ""\n"긴 "\n"글"\n\n'
        'msgid "%d message"\nmsgid_plural "%d messages"\nmsgstr[0] "메시지 %d개"\n',
    )

    compile_all(tmp_path)

    korean = translations(tmp_path)
    assert korean.gettext("Hello, %(name)s\n") == "안녕하세요, %(name)s\n"
    assert korean.pgettext("room", "Leave") == "나가기"
    assert korean.gettext("a long text") == "긴 글"
    assert korean.ngettext("%d message", "%d messages", 3) == "메시지 %d개"


def test_unfinished_entries_stay_untranslated(tmp_path: Path) -> None:
    write(
        tmp_path,
        '#, fuzzy\nmsgid "Guessed"\nmsgstr "추측"\n#~ msgid "Old"\n#~ msgstr "옛"\nmsgid "Empty"\nmsgstr ""\n',
    )

    compile_all(tmp_path)

    korean = translations(tmp_path)
    assert [korean.gettext(text) for text in ("Guessed", "Old", "Empty")] == ["Guessed", "Old", "Empty"]


def test_only_what_changed_is_written(tmp_path: Path) -> None:
    source = write(tmp_path, 'msgid "Send"\nmsgstr "보내기"\n')

    first, second = compile_all(tmp_path), compile_all(tmp_path)

    assert (first, second) == ([source.with_suffix(".mo")], [])


@pytest.mark.parametrize(
    "text",
    [
        'msgid "Twice"\nmsgstr "둘"\nmsgid "Twice"\nmsgstr "둘"\n',
        'msgid "Open\nmsgstr "열기"\n',
        '"no keyword"\nmsgid\n',
    ],
)
def test_a_broken_catalogue_is_refused_with_its_place(tmp_path: Path, text: str) -> None:
    source = write(tmp_path, text)

    with pytest.raises(ValueError, match=str(source)):
        compile_all(tmp_path)


@pytest.mark.parametrize("source", sorted(LOCALES.glob("*/LC_MESSAGES/*.po")), ids=str)
def test_our_catalogues_are_compiled_as_gettext_does(source: Path, tmp_path: Path) -> None:
    by_gettext = tmp_path / "ko" / "LC_MESSAGES" / "django.mo"
    by_gettext.parent.mkdir(parents=True)
    subprocess.run(["msgfmt", "-o", by_gettext, source], check=True)

    theirs, ours = translations(tmp_path), catalogue(source)

    assert theirs.info()
    assert {text: theirs.gettext(text) for text in ours if "\x00" not in text} == {
        text: translated for text, translated in ours.items() if "\x00" not in text
    }


def test_every_text_in_the_code_has_its_korean() -> None:
    korean = {key.partition("\x00")[0] for key in catalogue(LOCALES / "ko" / "LC_MESSAGES" / "django.po")}

    sources = [source for storey in STOREYS for source in (CLONE / storey).rglob("*.py")]
    missing = {
        (str(source.relative_to(CLONE)), text) for source in sources for text in texts(source) if text not in korean
    }

    assert missing == set()


def texts(source: Path) -> list[str]:
    """Keys of the literal texts that a module gives to gettext: the context, if any, before the message."""
    return [
        "\x04".join(literals[:2] if "pgettext" in name else literals[:1])
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (name := getattr(node.func, "id", getattr(node.func, "attr", ""))) in TRANSLATORS
        and (literals := [argument.value for argument in node.args if isinstance(argument, ast.Constant)])
    ]


@pytest.mark.parametrize("template", sorted(CLONE.glob("*/templates/**/*.html")), ids=lambda path: path.name)
def test_every_text_in_a_template_has_its_korean(template: Path) -> None:
    """Ours, or Django's where a template says what Django's says."""
    marked = re.findall(r"gettext\(u?(['\"])(.+?)\1\)", templatize(template.read_text(encoding="utf-8")), re.S)
    texts = {" ".join(text.replace("\\'", "'").split()) for _, text in marked}

    with translation.override("ko"):
        assert {text for text in texts if translation.gettext(text) == text} == set()
