// Import a file, read its row errors and change an asset, with the types of openapi-typescript and openapi-fetch.

import { openAsBlob } from "node:fs";
import { basename } from "node:path";
import { setTimeout } from "node:timers/promises";
import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./bulkimport.js";

type Schemas = components["schemas"];

const baseUrl = process.env["BULKIMPORT_URL"]!;
const client = createClient<paths>({
  baseUrl,
  headers: { Authorization: `Bearer ${process.env["BULKIMPORT_TOKEN"]}` },
});
const FINAL: Schemas["JobStatus"][] = ["completed", "failed", "cancelled"];

async function main() {
  const job = await waitUntilFinished(await upload(process.env["BULKIMPORT_FILE"]!));
  const { data: page, error } = await client.GET("/api/v1/assets/bulk/{job_id}/errors", {
    params: { path: { job_id: job.job_id } },
  });
  if (error || typeof page === "string") throw new Error(`a page expected: ${error?.detail}`);
  const { names, stale } = await rename("TV-023");
  const summary = {
    job: {
      status: job.status,
      created_rows: job.created_rows,
      failed_rows: job.failed_rows,
      progress: job.progress,
      date_format: job.options.date_format,
      on_conflict: job.options.on_conflict,
      did_you_mean: job.ignored_columns[0]?.did_you_mean,
    },
    row_errors: page.errors.map(({ row, field, code, value }) => ({ row, field, code, value })),
    names,
    problems: [stale, ...(await refusals(job.job_id))],
  };
  console.log(JSON.stringify(summary));
}

/** Upload the file with options; the id of its job. */
async function upload(file: string): Promise<string> {
  const content = await openAsBlob(file);
  const body: Schemas["UploadForm"] = {
    file: basename(file), // the types take its content for a string
    columns: '{"Label": "name"}',
    date_format: "DD/MM/YYYY",
    on_conflict: "update",
    dry_run: false,
  };
  const { data: accepted, error } = await client.POST("/api/v1/assets/bulk", {
    params: { header: { "Idempotency-Key": crypto.randomUUID() } },
    body,
    bodySerializer: () => form(body, content),
  });
  if (error) throw new Error(error.detail);
  return accepted.job_id;
}

function form({ file, ...options }: Schemas["UploadForm"], content: Blob): FormData {
  const data = new FormData();
  for (const [option, value] of Object.entries(options)) data.set(option, String(value));
  data.set("file", content, file);
  return data;
}

async function waitUntilFinished(job_id: string): Promise<Schemas["Job"]> {
  const params = { path: { job_id }, header: { Prefer: "wait=30" } };
  for (;;) {
    const { data: job, error } = await client.GET("/api/v1/assets/bulk/{job_id}", { params });
    if (error) throw new Error(error.detail);
    if (job && FINAL.includes(job.status)) return job;
    await setTimeout(1000);
  }
}

/** The asset's names before and after, and the problem of a change that expects the earlier version. */
async function rename(identifier: string) {
  const { data: page } = await client.GET("/api/v1/assets", { params: { query: { identifier } } });
  const path = { asset_id: page!.assets[0]!.id };
  const { data: asset, response } = await client.GET("/api/v1/assets/{asset_id}", { params: { path } });
  const params = { path, header: { "If-Match": response.headers.get("ETag")! } };
  const body = { name: `${asset!.name}, left` };
  const { data: renamed } = await client.PATCH("/api/v1/assets/{asset_id}", { params, body });
  const { error } = await client.PATCH("/api/v1/assets/{asset_id}", { params, body });
  return { names: [asset!.name, renamed!.name], stale: error!.code };
}

/** The problems of a wrong token, a job that does not exist and a file that lacks columns. */
async function refusals(job_id: string): Promise<Schemas["ProblemCode"][]> {
  const stranger: Client<paths> = createClient({ baseUrl, headers: { Authorization: "Bearer no-token" } });
  const body = { file: "assets.csv" };
  const absent = { params: { path: { job_id: crypto.randomUUID() } } };
  const refused = [
    await stranger.GET("/api/v1/assets/bulk/{job_id}", { params: { path: { job_id } } }),
    await client.GET("/api/v1/assets/bulk/{job_id}", absent),
    await client.POST("/api/v1/assets/bulk", {
      body,
      bodySerializer: () => form(body, new Blob(["identifier\nTV-1\n"])),
    }),
  ];
  return refused.map(({ error }) => error!.code);
}

/** What the compiler refuses: a number as a time. */
export const ONLY_TEXTS_ARE_TIMES: Schemas["NewAsset"] = {
  identifier: "A",
  name: "A",
  type: "device",
  // @ts-expect-error
  valid_from: 20240115,
  is_active: true,
};

await main();
