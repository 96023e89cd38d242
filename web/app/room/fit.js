// A bubble of several lines is as wide as its longest line, not as its limit: CSS alone leaves a hole beside keep-all breaks.

const PADDING_PX = 29;      // 14 + 14 at the sides, and one against rounding

/** All read first, then all written: one layout for however many bubbles. */
export function fit(bubbles) {
  for (const bubble of bubbles) bubble.style.inlineSize = "";
  const widths = bubbles.map(longestLine);
  bubbles.forEach((bubble, n) => { if (widths[n]) bubble.style.inlineSize = `${Math.ceil(widths[n])}px`; });
}

function longestLine(bubble) {
  const range = document.createRange();
  range.selectNodeContents(bubble);
  const lines = [...range.getClientRects()].filter((rect) => rect.width > 2);
  const top = lines[0]?.top;
  if (lines.every((rect) => Math.abs(rect.top - top) < 2)) return 0;
  return Math.max(...lines.map((rect) => rect.right)) - Math.min(...lines.map((rect) => rect.left)) + PADDING_PX;
}
