// The sheet of icons, taken into the document once. A picture that points into a file of its own is fetched again whenever
// one more is drawn, and when the network is gone (just then they are needed) it stays empty.

const SHEET = "icons.svg";

export const iconId = (name) => `icon-${name}`;

/** Pictures drawn before it is here appear when it comes. Without it the page has its words. */
export async function takeInIcons() {
  const response = await fetch(SHEET).catch(() => null);
  if (!response?.ok) return;
  const sheet = new DOMParser().parseFromString(await response.text(), "image/svg+xml").documentElement;
  for (const symbol of sheet.querySelectorAll("symbol")) symbol.id = iconId(symbol.id);
  sheet.setAttribute("hidden", "");
  document.body.append(document.importNode(sheet, true));
}
