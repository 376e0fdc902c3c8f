/**
 * What the page knows, in memory only: the file, its preview and upload options, and by job id changes of failed rows.
 * `jobs` are the dry runs of an import, or the jobs that carry it out: the file's, then one for each time that failed
 * rows were fixed. The rows that still fail are the last one's.
 */
export class Store {
  constructor() {
    this.clear();
  }

  clear() {
    Object.assign(this, { file: null, preview: null, options: {}, jobs: [], edits: new Map() });
  }
}
