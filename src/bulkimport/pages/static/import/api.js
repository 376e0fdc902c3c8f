/**
 * The API as the page calls it. A request is repeated until it is answered: after a pause if the service
 * cannot be reached or is busy, with another token if the token has expired.
 */

const ROOT = "/api/v1/assets/bulk";

/** An error response (RFC 9457): `status`, `code`, `title`, `detail` and `errors`. */
export class Problem extends Error {
  /** @param {{status: number, code?: string, title?: string, detail?: string, errors?: object[]}} document */
  constructor(document) {
    super(document.detail || document.title);
    Object.assign(this, { errors: [], ...document });
  }
}

/**
 * @typedef {object} Request
 * @property {AbortSignal} [signal]  of the step that asks: aborted when the step is left
 * @property {string} [key]  Idempotency-Key of a POST; the same for each repetition
 */

export class Api {
  /**
   * @param {object} session
   * @param {(refused?: string) => Promise<string>} session.token  resolves to a token; with `refused`, to another one
   * @param {(text: string) => void} session.notice  shows that the service cannot be reached; "" when it can
   */
  constructor(session) {
    this.session = session;
  }

  /** What an upload of this file with these options would read; stores nothing. @param {File} file @param {object} options @param {Request} [request] */
  async preview(file, options, request) { throw new Error("not built yet"); }

  /** Uploads a file and returns the new job. @param {File} file @param {object} options @param {Request} [request] @returns {Promise<object>} */
  async upload(file, options, request) { throw new Error("not built yet"); }

  /** The job; with `wait`, after its next progress or that many seconds. Null if it has not changed since `etag`. @returns {Promise<object | null>} */
  async job(id, { wait, etag, signal } = {}) { throw new Error("not built yet"); }

  /** A page of jobs: {jobs, next_cursor}. @param {{status?: string, cursor?: string}} query */
  async jobs(query, request) { throw new Error("not built yet"); }

  /** All row errors of a job, a page at a time. @returns {AsyncGenerator<object[]>} */
  async *errors(id, request) { throw new Error("not built yet"); }

  /** All rows of a plan, a page at a time. @returns {AsyncGenerator<object[]>} */
  async *changes(id, request) { throw new Error("not built yet"); }

  /** The failed rows as a file: "csv" or "xlsx". @returns {Promise<Blob>} */
  async failedRows(id, format, request) { throw new Error("not built yet"); }

  /** Applies a plan and returns the new job. */
  async apply(job, request) { throw new Error("not built yet"); }

  /** Asks for a job to be cancelled and returns it. */
  async cancel(id, request) { throw new Error("not built yet"); }

  /** Undoes a job and returns the new job. */
  async revert(id, request) { throw new Error("not built yet"); }
}
