// A keyboard on glass. Where it does not shrink the page (iOS), the room takes what visualViewport leaves, and the page is
// kept from being pushed up under the head.

const COVERED_PX = 120;

export class Keyboard {
  start() {
    visualViewport?.addEventListener("resize", fitAbove);
    visualViewport?.addEventListener("scroll", fitAbove);
  }

  stop() {
    visualViewport?.removeEventListener("resize", fitAbove);
    visualViewport?.removeEventListener("scroll", fitAbove);
    document.documentElement.style.removeProperty("--app-h");
  }
}

function fitAbove() {
  const covered = innerHeight - visualViewport.height > COVERED_PX && visualViewport.scale === 1;
  const root = document.documentElement.style;
  if (covered) root.setProperty("--app-h", `${visualViewport.height}px`);
  else root.removeProperty("--app-h");
  if (covered) scrollTo(0, 0);
}
