// The REST API as the signed-in member. A token that has just ended is renewed once, unseen by the caller.

import { ApiError } from "./http.js";

export class Api {
  #http;
  #auth;

  constructor({ http, auth }) {
    this.#http = http;
    this.#auth = auth;
  }

  get(path, options = {}) {
    return this.#request("GET", path, options);
  }

  post(path, body = {}, options = {}) {
    return this.#request("POST", path, { ...options, body });
  }

  put(path, body = {}, options = {}) {
    return this.#request("PUT", path, { ...options, body });
  }

  patch(path, body = {}, options = {}) {
    return this.#request("PATCH", path, { ...options, body });
  }

  delete(path, options = {}) {
    return this.#request("DELETE", path, options);
  }

  async #request(method, path, options) {
    const cookies = path.startsWith("/auth/");      // the refresh cookie is scoped to these
    const token = await this.#auth.token();
    try {
      return await this.#http.request(method, path, { ...options, token, cookies });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || token === null) throw error;
      await this.#auth.refresh();
      return this.#http.request(method, path, { ...options, token: await this.#auth.token(), cookies });
    }
  }
}
