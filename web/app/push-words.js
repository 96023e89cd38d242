// Why notifications could not be turned on or off, in words.

import { t } from "./strings.js";

const REFUSED = 400;

/** `error`: what `client.push.turnOn()` or `turnOff()` threw. Pressing again helps only where nobody has said no. */
export function whyNot(error) {
  if (error instanceof DOMException) return t("push.no-service");       // the browser's own: a private window, no push service
  return t(error.status === REFUSED ? "push.unsupported" : "push.failed");
}
