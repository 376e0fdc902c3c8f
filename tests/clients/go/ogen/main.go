// Import a file, read its row errors and change an asset, with the client of ogen.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clients/ogen/api"

	"github.com/google/uuid"
	ht "github.com/ogen-go/ogen/http"
)

var final = []api.JobStatus{api.JobStatusCompleted, api.JobStatusFailed, api.JobStatusCancelled}

func main() {
	ctx := context.Background()
	client := newClient(os.Getenv("BULKIMPORT_TOKEN"))
	file, err := os.Open(os.Getenv("BULKIMPORT_FILE"))
	require(err == nil, err)
	job := waitUntilFinished(ctx, client, upload(ctx, client, file))
	page := answer[*api.ErrorPageHeaders](client.ListRowErrors(ctx, api.ListRowErrorsParams{JobID: job.JobID}))
	rowErrors := []map[string]any{}
	for _, rowError := range page.Response.Errors {
		rowErrors = append(rowErrors, map[string]any{
			"row": rowError.Row, "field": rowError.Field.Value, "code": rowError.Code, "value": rowError.Value.Value,
		})
	}
	names, stale := rename(ctx, client, "TV-023")
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"job": map[string]any{
			"status":       job.Status,
			"created_rows": job.CreatedRows.Value,
			"failed_rows":  job.FailedRows,
			"progress":     job.Progress,
			"date_format":  job.Options.DateFormat,
			"on_conflict":  job.Options.OnConflict,
			"did_you_mean": job.IgnoredColumns[0].DidYouMean.Value,
		},
		"row_errors": rowErrors,
		"names":      names,
		"problems":   append([]api.ProblemCode{stale}, refusals(ctx, client, job.JobID)...),
	})
	require(err == nil, err)
}

type bearer string

func (token bearer) Token(context.Context, api.OperationName) (api.Token, error) {
	return api.Token{Token: string(token)}, nil
}

// withLength sends a form with its Content-Length: ogen would send it in chunks, which the service itself refuses.
type withLength struct{}

func (withLength) Do(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.ContentLength <= 0 {
		form, err := io.ReadAll(request.Body)
		if err != nil {
			return nil, err
		}
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(form)), int64(len(form))
	}
	return http.DefaultClient.Do(request)
}

func newClient(token string) *api.Client {
	client, err := api.NewClient(os.Getenv("BULKIMPORT_URL"), bearer(token), api.WithClient(withLength{}))
	require(err == nil, err)
	return client
}

// upload sends the file with options; it returns the id of its job.
func upload(ctx context.Context, client *api.Client, file *os.File) uuid.UUID {
	form := &api.UploadFormMultipart{
		File:       ht.MultipartFile{Name: filepath.Base(file.Name()), File: file},
		Columns:    api.NewOptString(`{"Label": "name"}`),
		DateFormat: api.NewOptDateFormat(api.DateFormatDDSlashMMSlashYYYY),
		OnConflict: api.NewOptOnConflict(api.OnConflictUpdate),
		DryRun:     api.NewOptBool(false),
	}
	params := api.UploadAssetsParams{IdempotencyKey: api.NewOptString(uuid.NewString())}
	return answer[*api.AcceptedHeaders](client.UploadAssets(ctx, form, params)).Response.JobID
}

func waitUntilFinished(ctx context.Context, client *api.Client, jobID uuid.UUID) api.Job {
	params := api.GetJobParams{JobID: jobID, Prefer: api.NewOptString("wait=30")}
	for {
		job := answer[*api.JobHeaders](client.GetJob(ctx, params)).Response
		if slices.Contains(final, job.Status) {
			return job
		}
		time.Sleep(time.Second)
	}
}

// rename returns the asset's names before and after, and the problem of a change that expects the earlier version.
func rename(ctx context.Context, client *api.Client, identifier string) ([]string, api.ProblemCode) {
	assets := api.ListAssetsParams{Identifier: api.NewOptString(identifier)}
	id := answer[*api.AssetPageHeaders](client.ListAssets(ctx, assets)).Response.Assets[0].ID
	asset := answer[*api.GetAssetOKHeaders](client.GetAsset(ctx, api.GetAssetParams{AssetID: id}))
	params := api.UpdateAssetParams{AssetID: id, IfMatch: api.NewOptString(asset.ETag)}
	patch := &api.UpdateAssetApplicationMergePatchJSON{Name: api.NewOptString(asset.Response.Name + ", left")}
	renamed := answer[*api.GetAssetOKHeaders](client.UpdateAsset(ctx, patch, params))
	stale := answer[*api.PreconditionFailedHeaders](client.UpdateAsset(ctx, patch, params))
	return []string{asset.Response.Name, renamed.Response.Name}, stale.Response.Code
}

// refusals returns the problems of a wrong token, a job that does not exist and a file that lacks columns.
func refusals(ctx context.Context, client *api.Client, jobID uuid.UUID) []api.ProblemCode {
	unauthorized := answer[problem](newClient("no-token").GetJob(ctx, api.GetJobParams{JobID: jobID}))
	absent := answer[problem](client.GetJob(ctx, api.GetJobParams{JobID: uuid.New()}))
	file := ht.MultipartFile{Name: "assets.csv", File: bytes.NewReader([]byte("identifier\nTV-1\n"))}
	form := &api.UploadFormMultipart{File: file}
	refused := answer[problem](client.UploadAssets(ctx, form, api.UploadAssetsParams{}))
	return []api.ProblemCode{unauthorized.GetResponse().Code, absent.GetResponse().Code, refused.GetResponse().Code}
}

// problem is what the types of all refusals have in common.
type problem interface{ GetResponse() api.Problem }

// answer returns the answer of an operation, which must be of that type.
func answer[T any](received any, err error) T {
	expected, ok := received.(T)
	require(err == nil && ok, err)
	return expected
}

func require(condition bool, err error) {
	if !condition {
		log.Panicf("an unexpected answer, or error: %v", err)
	}
}
