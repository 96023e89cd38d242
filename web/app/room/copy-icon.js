// Two sheets of paper: the one symbol of the room that the sheet icons.svg has not got.

const SVG = "http://www.w3.org/2000/svg";
const PATH = "M9 8.5h8.500a1.500 1.500 0 0 1 1.500 1.500v9.500a1.500 1.500 0 0 1-1.500 1.500H9a1.500 1.500 0 0 1-1.500-1.500V10A1.500 1.500 0 0 1 9 8.500zM5 15.500v-11A1.500 1.500 0 0 1 6.500 3H14";

export function copyIcon() {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ class: "i", viewBox: "0 0 24 24", "aria-hidden": "true" })) svg.setAttribute(name, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATH);
  svg.append(path);
  return svg;
}
