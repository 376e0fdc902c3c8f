/**
 * The API as the page calls it. A request is repeated until it is answered: after a pause if the service
 * cannot be reached or is busy, with another token if the token has expired.
 */

const ROOT = "/api/v1/assets/bulk";
const PAUSES_S = [1, 2, 4, 8, 15];
const AGAIN = [429, 502, 503, 504];
const AWAY = "The service cannot be reached. Trying again…";
const BUSY = "The service is busy. Trying again…";
const ALL = 1000;

/** An error response (RFC 9457): `status`, `code`, `title`, `detail` and `errors`. */
export class Problem extends Error {
  /** @param {{status: number, code?: string, title?: string, detail?: string, errors?: object[]}} document */
  constructor(document) {
    super(document.detail || document.title);
    Object.assign(this, { errors: [] }, document);
  }
}

/**
 * @typedef {object} Request
 * @property {AbortSignal} [signal]  of the step that asks
 * @property {string} [key]  Idempotency-Key of a POST, so that a repeated request is not a second import
 */

export class Api {
  #session;

  /**
   * @param {object} session
   * @param {(refused?: string, reason?: string) => Promise<string>} session.token  resolves to a token, other than `refused`
   * @param {(text: string) => void} session.notice  shows why a request is repeated; "" when it no longer is
   */
  constructor(session) {
    this.#session = session;
  }

  /** What an upload of the file with these options would read; nothing is stored. @param {File} file @param {object} options @param {Request} [request] */
  async preview(file, options, request) {
    return this.#json(`${ROOT}/preview`, { ...request, method: "POST", body: form(file, options) });
  }

  /** Uploads a file and returns its job. @param {File} file @param {object} options @param {Request} [request] @returns {Promise<object>} */
  async upload(file, options, request) {
    return this.#newJob(ROOT, { ...request, body: form(file, options) });
  }

  /**
   * The job with its `etag`; with `wait`, after its next progress or that many seconds. Null if it still is as of `etag`.
   * @param {string} id
   * @param {{wait?: number, etag?: string} & Request} [request]
   * @returns {Promise<object | null>}
   */
  async job(id, { wait, etag, ...request } = {}) {
    const headers = { ...(wait && { Prefer: `wait=${wait}` }), ...(etag && { "If-None-Match": etag }) };
    const response = await this.#send(`${ROOT}/${id}`, { ...request, headers });
    return response.status === 304 ? null : { ...await response.json(), etag: response.headers.get("ETag") };
  }

  /** A page of the account's jobs. @param {Record<string, string>} query @param {Request} [request] @returns {Promise<{jobs: object[], next_cursor: string | null}>} */
  async jobs(query, request) {
    return this.#json(`${ROOT}?${new URLSearchParams(query)}`, request);
  }

  /** All row errors of a job, a page at a time. @param {string} id @param {Request} [request] @returns {AsyncGenerator<object[]>} */
  errors(id, request) {
    return this.#pages(`${ROOT}/${id}/errors`, "errors", request);
  }

  /** All rows of a plan, a page at a time. @param {string} id @param {Request} [request] @returns {AsyncGenerator<object[]>} */
  changes(id, request) {
    return this.#pages(`${ROOT}/${id}/changes`, "changes", request);
  }

  /** The failed rows as a file. @param {string} id @param {"csv" | "xlsx"} format @param {Request} [request] @returns {Promise<Blob>} */
  async failedRows(id, format, request) {
    return (await this.#send(`${ROOT}/${id}/failed-rows.${format}`, request)).blob();
  }

  /** Does what a dry run has planned, and returns the new job. @param {{job_id: string, etag: string}} plan @param {Request} [request] */
  async apply(plan, request) {
    return this.#newJob(`${ROOT}/${plan.job_id}/apply`, { ...request, headers: { "If-Match": plan.etag } });
  }

  /** Asks for a job to be cancelled, and returns it. @param {string} id @param {Request} [request] */
  async cancel(id, request) {
    return this.#json(`${ROOT}/${id}/cancel`, { ...request, method: "POST" });
  }

  /** Undoes a job, and returns the new job that does it. @param {string} id @param {Request} [request] */
  async revert(id, request) {
    return this.#newJob(`${ROOT}/${id}/revert`, request);
  }

  async #newJob(path, request) {
    const accepted = await this.#json(path, { key: crypto.randomUUID(), ...request, method: "POST" });
    return this.job(accepted.job_id, request?.signal && { signal: request.signal });
  }

  async *#pages(path, member, request) {
    let cursor = "";
    while (cursor !== null) {
      const page = await this.#json(`${path}?limit=${ALL}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, request);
      yield page[member];
      cursor = page.next_cursor;
    }
  }

  async #json(path, request) {
    return (await this.#send(path, request)).json();
  }

  /** The response, however long it takes to get one. Throws Problem if the request is refused. */
  async #send(path, { key, headers, signal, ...request } = {}) {
    const sent = { ...request, signal, cache: "no-store", credentials: "omit" };
    let token = await until(signal, this.#session.token());
    for (let attempt = 0; ; attempt += 1) {
      const all = { ...headers, Authorization: `Bearer ${token}`, ...(key && { "Idempotency-Key": key }) };
      const response = await fetch(path, { ...sent, headers: all }).catch(unlessAborted);
      if (response?.ok || response?.status === 304) {
        this.#session.notice("");
        return response;
      }
      const problem = response && await problemOf(response);
      if (response?.status === 401) {
        token = await until(signal, this.#session.token(token, problem.message));
      } else if (!response || AGAIN.includes(response.status) || problem.code === "request-in-progress") {
        this.#session.notice(response && ![502, 504].includes(response.status) ? problem.message || BUSY : AWAY);
        await pause(Number(response?.headers.get("Retry-After")) || PAUSES_S[Math.min(attempt, PAUSES_S.length - 1)], signal);
      } else {
        this.#session.notice("");
        throw problem;
      }
    }
  }
}

/** The multipart form of an upload; an object becomes JSON, and an empty option is left out. */
function form(file, options) {
  const parts = new FormData();
  for (const [name, value] of Object.entries(options)) {
    if (value == null || value === "") continue;
    parts.append(name, typeof value === "object" ? JSON.stringify(value) : String(value));
  }
  parts.append("file", file);
  return parts;
}

async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  return new Problem({ title: "The service refused the request", ...document, status: response.status });
}

function unlessAborted(error) {
  if (error.name === "AbortError") throw error;
  return null;
}

/** The promise, but rejected when the signal is aborted. */
function until(signal, promise) {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    promise.then(resolve, reject);
  });
}

/** Waits; rejected when the signal is aborted. @param {number} seconds @param {AbortSignal} [signal] */
export function pause(seconds, signal) {
  return until(signal, new Promise((resolve) => setTimeout(resolve, seconds * 1000)));
}
