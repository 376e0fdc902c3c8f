/**
 * What the page knows. It is in memory only, so that nothing of a file outlives the page.
 *
 * @typedef {object} State
 * @property {File | null} file  the chosen file, a copy in memory
 * @property {object | null} preview  what the service would read of the file
 * @property {Record<string, unknown>} options  of the upload: columns, date_format, on_conflict, on_error, sheet
 * @property {object[]} jobs  the dry runs of this import, or the jobs that carry it out, as last read, oldest
 *   first: the file's, and then one for each time that failed rows were fixed. The rows that still fail are
 *   those of the last one.
 * @property {Map<string, unknown>} edits  by job id: what was changed in its failed rows but not sent yet
 */

/** @type {State} */
const EMPTY = { file: null, preview: null, options: {}, jobs: [], edits: new Map() };

export class Store {
  /** @type {State} */
  #state = { ...EMPTY };
  /** @type {Map<string, string>} */
  #keys = new Map();

  /** The current state; change it with `set` only. */
  get state() {
    return this.#state;
  }

  /** Replaces some members of the state. @param {Partial<State>} changes */
  set(changes) {
    this.#state = { ...this.#state, ...changes };
  }

  /** Forgets the file and all that came of it. */
  clear() {
    this.#state = { ...EMPTY, edits: new Map() };
    this.forgetKeys();
  }

  /** The Idempotency-Key of an action: the same until the keys are forgotten. @param {string} action */
  key(action) {
    if (!this.#keys.has(action)) this.#keys.set(action, crypto.randomUUID());
    return this.#keys.get(action);
  }

  /** From now on, the same action is a new one. */
  forgetKeys() {
    this.#keys.clear();
  }
}
