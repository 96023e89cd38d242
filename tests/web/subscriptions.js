({ origin, p256dh, auth }) => {
  if (!("PushManager" in window)) return;
  const STORED = "test.subscription";      // {endpoint, key} of the one subscription this browser has
  const text = (key) => (typeof key === "string" ? key : btoa(String.fromCharCode(...new Uint8Array(key))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", ""));
  const bytes = (key) => Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0)).buffer;
  const read = () => JSON.parse(localStorage.getItem(STORED));
  const subscription = ({ endpoint, key }) => ({
    endpoint,
    expirationTime: null,
    options: { userVisibleOnly: true, applicationServerKey: bytes(key) },
    toJSON: () => ({ endpoint, expirationTime: null, keys: { p256dh, auth } }),
    unsubscribe: async () => {
      localStorage.removeItem(STORED);
      return true;
    },
  });
  PushManager.prototype.getSubscription = async () => (read() ? subscription(read()) : null);
  PushManager.prototype.subscribe = async ({ userVisibleOnly, applicationServerKey }) => {
    const key = text(applicationServerKey);
    if (!userVisibleOnly) throw new DOMException("silent push", "NotAllowedError");
    if (Notification.permission !== "granted") throw new DOMException("permission denied", "NotAllowedError");
    if (read() && read().key !== key) throw new DOMException("another key", "InvalidStateError");
    if (!read()) localStorage.setItem(STORED, JSON.stringify({ endpoint: `${origin}/${crypto.randomUUID()}`, key }));
    return subscription(read());
  };
}
