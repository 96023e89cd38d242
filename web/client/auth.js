// Who is signed in here, and the short-lived access token. The refresh token is a cookie this code never sees; the access
// token lives in memory only, so that nothing on a shared campus PC outlives the tab.

import { base64url } from "./base64url.js";
import { ApiError } from "./http.js";

const SIGN_IN = "damso.sign-in";      // sessionStorage: {verifier, state} between leaving for Kakao and coming back
const FRESH_ENOUGH_MS = 20_000;

export const SIGNED_OUT = Object.freeze({ ELSEWHERE: "elsewhere", SUSPENDED: "suspended", SELF: "self" });

export class Auth {
  member = null;
  #http;
  #onNobody;
  #onSignedOut;
  #access = null;
  #expiresAt = 0;
  #refreshing = null;

  /**
   * `onSignedOut({reason, until})` is told once per loss of a session, whoever noticed; `onNobody()` as well when there was
   * none to lose.
   */
  constructor({ http, onNobody, onSignedOut }) {
    this.#http = http;
    this.#onNobody = onNobody;
    this.#onSignedOut = onSignedOut;
  }

  /** Leaves the page for Kakao. The verifier stays here: an answer that was not asked for in this tab is worth nothing. */
  async start({ next } = {}) {
    const verifier = base64url(crypto.getRandomValues(new Uint8Array(32)));
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const query = { challenge: base64url(new Uint8Array(hash)), redirect_uri: redirectUri(), next };
    const { authorize_url, state } = await this.#http.request("GET", "/auth/kakao/login", { query });
    sessionStorage.setItem(SIGN_IN, JSON.stringify({ verifier, state }));
    location.assign(authorize_url);
  }

  /** Kakao sent the browser back. Throws ApiError `sign_in_expired` when this tab did not ask for it. */
  async finish({ code, state }) {
    const asked = JSON.parse(sessionStorage.getItem(SIGN_IN) ?? "null");
    sessionStorage.removeItem(SIGN_IN);
    if (asked?.state !== state) throw new ApiError({ status: 400, code: "sign_in_expired" });
    const body = { code, state, redirect_uri: redirectUri(), verifier: asked.verifier };
    const answer = await this.#http.request("POST", "/auth/kakao", { body, cookies: true });
    this.#keep(answer);
    this.member = answer.member;
    return this.member;
  }

  /** The member the cookie still stands for, or null when there is none. Throws NetworkError when offline. */
  async restore() {
    try {
      await this.refresh();
      this.member = await this.#http.request("GET", "/members/me", { token: this.#access });
    } catch (error) {
      if (error instanceof ApiError && (error.status === 401 || error.code === "suspended")) return null;
      throw error;
    }
    return this.member;
  }

  setMember(member) {
    this.member = member;
  }

  /** The access token, renewed when it is about to end; null when nobody is signed in. */
  async token() {
    if (this.#access === null) return null;
    if (Date.now() > this.#expiresAt - FRESH_ENOUGH_MS) await this.refresh();
    return this.#access;
  }

  /** A new access token for the cookie; asked for once, however many are waiting. */
  refresh() {
    this.#refreshing ??= this.#refresh().finally(() => { this.#refreshing = null; });
    return this.#refreshing;
  }

  async #refresh() {
    try {
      this.#keep(await this.#http.request("POST", "/auth/refresh", { body: {}, cookies: true }));
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.forget(SIGNED_OUT.ELSEWHERE);
      throw error;
    }
  }

  async signOut() {
    await this.#end("/auth/logout");
  }

  async signOutEverywhere() {
    await this.#end("/auth/logout-all");
  }

  /** Leaves the service for good. Throws ApiError `round_in_progress` while tonight's partner would be left alone. */
  async withdraw() {
    await this.#end("/members/me", "DELETE");
  }

  async #end(path, method = "POST") {
    try {
      await this.#http.request(method, path, { body: {}, token: await this.token(), cookies: true });
    } catch (error) {
      const alreadyOut = error instanceof ApiError && error.status === 401;
      if (!alreadyOut) throw error;         // the cookie is still there: saying "signed out" would be a lie
    }
    this.forget(SIGNED_OUT.SELF);
  }

  /** Nobody is signed in here from now on. */
  forget(reason, until = null) {
    const wasSignedIn = this.member !== null;
    this.#access = null;
    this.member = null;
    this.#onNobody();
    if (wasSignedIn || reason === SIGNED_OUT.SUSPENDED) this.#onSignedOut({ reason, until });
  }

  #keep({ access, access_expires_in }) {
    this.#access = access;
    this.#expiresAt = Date.now() + access_expires_in * 1000;
  }
}

function redirectUri() {
  return `${location.origin}/`;
}
