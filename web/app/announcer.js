// The one polite live region of the page. What is said twice in a row is heard twice.

const SAID_AGAIN_AFTER_MS = 50;

export function announce(text) {
  const region = document.getElementById("announcer");
  region.textContent = "";
  setTimeout(() => { region.textContent = text; }, SAID_AGAIN_AFTER_MS);
}
