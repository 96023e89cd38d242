"""The stand-in's authorize page: pick a demo person, type any name, or cancel."""

from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

from accounts.demo import PEOPLE

TEXTS = {
    "ko": {
        "title": "누구로 로그인할까요?",
        "about": "카카오 대신 답하는 로컬 전용 페이지예요. 같은 이름은 언제나 같은 계정이에요.",
        "people": "소개를 마친 사람들",
        "name": "다른 이름",
        "hint": "처음 쓰는 이름은 새로 가입해요.",
        "go": "이 이름으로 로그인",
        "cancel": "취소하고 돌아가기",
        "refused": "등록되지 않은 client_id나 redirect_uri예요.",
    },
    "en": {
        "title": "Who would you like to be?",
        "about": "This page stands in for Kakao on this machine. The same name is always the same account.",
        "people": "People who have introduced themselves",
        "name": "Another name",
        "hint": "A name that was never used joins as somebody new.",
        "go": "Sign in with this name",
        "cancel": "Cancel and go back",
        "refused": "The application’s client_id or redirect_uri is not registered.",
    },
}

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, "Apple SD Gothic Neo", "Noto Sans KR", sans-serif; }
body { margin: 0; background: light-dark(#f2f5f3, #0c1618); color: light-dark(#14282c, #e8efed); }
main { max-width: 26rem; margin: 0 auto; padding: 2rem 1.25rem; }
h1 { font-size: 1.75rem; letter-spacing: -.022em; margin: 0 0 .5rem; }
h2 { font-size: 1rem; margin: 2rem 0 .75rem; }
p { margin: 0; color: light-dark(#43565a, #b2c1c1); }
ul { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .5rem; }
a, button, input { box-sizing: border-box; min-height: 2.75rem; border-radius: 12px; font: inherit; }
li a { display: grid; place-items: center; background: light-dark(#fff, #142225); border: 1px solid light-dark(#788a8e, #6d8489);
  color: inherit; text-decoration: none; }
label { display: block; font-weight: 700; margin: 2rem 0 .5rem; }
input { width: 100%; padding: 0 1rem; border: 1px solid light-dark(#788a8e, #6d8489); background: light-dark(#fff, #142225); color: inherit; }
button { width: 100%; margin: .75rem 0; border: 0; background: #fee500; color: #000; font-weight: 700; cursor: pointer; }
.cancel { display: grid; place-items: center; color: inherit; }
:focus-visible { outline: 3px solid light-dark(#0e6a80, #8fd6e2); outline-offset: 2px; }
"""  # noqa: E501 - a style sheet reads by its own lines


def choose(ask: Mapping[str, str], *, language: str) -> str:
    """`ask` is the query the page was asked with; every way on repeats it."""
    lang = _understood(language)
    texts = TEXTS[lang]
    on = {name: value for name, value in ask.items() if name not in {"login_hint", "prompt"}}
    people = "".join(
        f'<li><a href="{_link(on | {"login_hint": person.name})}">{escape(person.name)}</a></li>' for person in PEOPLE
    )
    kept = "".join(f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in on.items())
    hinted = escape(ask.get("login_hint", ""))
    return _page(
        lang,
        texts["title"],
        f"""<h1>{texts["title"]}</h1>
<p>{texts["about"]}</p>
<h2>{texts["people"]}</h2>
<ul>{people}</ul>
<form action="/oauth/authorize" method="get">{kept}
<label for="name">{texts["name"]}</label>
<input id="name" name="login_hint" required maxlength="40" autocomplete="off" aria-describedby="hint" value="{hinted}">
<p id="hint">{texts["hint"]}</p>
<button>{texts["go"]}</button>
</form>
<a class="cancel" href="{_link(on | {"error": "access_denied"})}">{texts["cancel"]}</a>""",
    )


def refused(code: str, *, language: str) -> str:
    """What Kakao shows when the application asked wrongly; nobody is sent back."""
    lang = _understood(language)
    return _page(lang, code, f"<h1>{code}</h1><p>{TEXTS[lang]['refused']}</p>")


def _understood(language: str) -> str:
    """The first wish of an Accept-Language; what is neither reads Korean, as everywhere in Damso."""
    return "en" if language.startswith("en") else "ko"


def _link(query: Mapping[str, str]) -> str:
    return escape(f"/oauth/authorize?{urlencode(query)}")


def _page(lang: str, title: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="{lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="icon" href="data:,"><style>{STYLE}</style></head>
<body><main>
{body}
</main></body>
</html>
"""
