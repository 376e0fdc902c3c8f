/**
 * What the page knows, in memory only.
 * @typedef {object} State
 * @property {File | null} file  a copy of the chosen one
 * @property {object | null} preview  what the service would read of it
 * @property {Record<string, unknown>} options  of its upload
 * @property {object[]} jobs  the dry runs of an import, or the jobs that carry it out: the file's, then one for each time
 *   that failed rows were fixed. The rows that still fail are the last one's
 * @property {Map<string, unknown>} edits  by job id: changes of its failed rows that are not sent yet
 */

export class Store {
  /** @type {State} */
  state;
  #keys;

  constructor() {
    this.clear();
  }

  clear() {
    this.state = { file: null, preview: null, options: {}, jobs: [], edits: new Map() };
    this.forgetKeys();
  }

  /** @param {Partial<State>} changes */
  set(changes) {
    this.state = { ...this.state, ...changes };
  }

  /** The Idempotency-Key of an action until the keys are forgotten. @param {string} action */
  key(action) {
    if (!this.#keys.has(action)) this.#keys.set(action, newKey());
    return this.#keys.get(action);
  }

  forgetKeys() {
    this.#keys = new Map();
  }
}

/** A random key; crypto.randomUUID exists only for pages that came by https. */
export const newKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
