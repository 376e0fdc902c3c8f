/**
 * What the page knows, in memory only. `jobs` are the dry runs of an import, or the jobs that carry it out: the file's,
 * then one for each time that failed rows were fixed. `edits` has the fixed cells of a job's failed rows, by job id.
 */
export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    Object.assign(this, { file: null, preview: null, options: {}, jobs: [], edits: new Map() });
  }
}
