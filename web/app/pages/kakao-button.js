// Kakao's own rules for its button: colour, symbol, label, radius (Kakao Login design guide). Only the container may widen.

import { el, icon } from "../dom.js";
import { t } from "../strings.js";

/** `start()` leaves for Kakao; while it works the symbol is a spinner. It rejects when Kakao cannot be reached. */
export function kakaoButton({ start, onFailure }) {
  const button = el("button", { class: "kakao", type: "button" }, icon("kakao"), el("span", {}, t("sign-in.kakao")));
  button.addEventListener("click", async () => {
    if (button.ariaBusy === "true") return;
    setBusy(button, true);
    try {
      await start();
    } catch (error) {
      setBusy(button, false);
      onFailure(error);
    }
  });
  // Back from Kakao's page without an answer: the browser may show this page as it was left.
  addEventListener("pageshow", () => setBusy(button, false));
  return button;
}

export function setBusy(button, busy) {
  if (busy) button.setAttribute("aria-busy", "true");
  else button.removeAttribute("aria-busy");
}
