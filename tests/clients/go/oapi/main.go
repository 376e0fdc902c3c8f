// Import a file, read its row errors and change an asset, with the client of oapi-codegen.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clients/oapi/api"

	"github.com/google/uuid"
)

var final = []api.JobStatus{api.Completed, api.Failed, api.Cancelled}

func main() {
	ctx := context.Background()
	client := newClient(os.Getenv("BULKIMPORT_TOKEN"))
	content, err := os.ReadFile(os.Getenv("BULKIMPORT_FILE"))
	require(err == nil, err)
	jobID := upload(ctx, client, filepath.Base(os.Getenv("BULKIMPORT_FILE")), content)
	finished, err := waitUntilFinished(ctx, client, jobID)
	require(err == nil && finished.JSON200 != nil, err)
	job := finished.JSON200
	page, err := client.ListRowErrorsWithResponse(ctx, jobID, nil)
	require(err == nil && page.JSON200 != nil, err)
	rowErrors := []map[string]any{}
	for _, rowError := range page.JSON200.Errors {
		rowErrors = append(rowErrors, map[string]any{
			"row": rowError.Row, "field": rowError.Field, "code": rowError.Code, "value": rowError.Value,
		})
	}
	names, stale := rename(ctx, client, "TV-023")
	err = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"job": map[string]any{
			"status":       job.Status,
			"created_rows": job.CreatedRows,
			"failed_rows":  job.FailedRows,
			"progress":     job.Progress,
			"date_format":  job.Options.DateFormat,
			"on_conflict":  job.Options.OnConflict,
			"did_you_mean": job.IgnoredColumns[0].DidYouMean,
		},
		"row_errors": rowErrors,
		"names":      names,
		"problems":   append([]api.ProblemCode{stale}, refusals(ctx, client, jobID)...),
	})
	require(err == nil, err)
}

func newClient(token string) *api.ClientWithResponses {
	authorize := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
	client, err := api.NewClientWithResponses(os.Getenv("BULKIMPORT_URL"), api.WithRequestEditorFn(authorize))
	require(err == nil, err)
	return client
}

// upload sends the file as a form, with options in the query; it returns the id of its job.
func upload(ctx context.Context, client *api.ClientWithResponses, name string, content []byte) uuid.UUID {
	contentType, form := formOf(name, content)
	answer, err := client.UploadAssetsWithBodyWithResponse(ctx, &api.UploadAssetsParams{
		Columns:        new(`{"Label": "name"}`),
		DateFormat:     new(api.DayMonthYearSlashes),
		OnConflict:     new(api.OnConflictUpdate),
		DryRun:         new(false),
		IdempotencyKey: new(uuid.NewString()),
	}, contentType, form)
	require(err == nil && answer.JSON202 != nil, err)
	return answer.JSON202.JobId
}

func formOf(name string, content []byte) (string, *bytes.Buffer) {
	form := &bytes.Buffer{}
	writer := multipart.NewWriter(form)
	part, err := writer.CreateFormFile("file", name)
	require(err == nil, err)
	_, err = part.Write(content)
	require(err == nil && writer.Close() == nil, err)
	return writer.FormDataContentType(), form
}

func waitUntilFinished(
	ctx context.Context, client *api.ClientWithResponses, jobID uuid.UUID,
) (*api.GetJobResponse, error) {
	params := &api.GetJobParams{Prefer: new("wait=30")}
	answer, err := client.GetJobWithResponse(ctx, jobID, params)
	for err == nil && answer.JSON200 != nil && !slices.Contains(final, answer.JSON200.Status) {
		time.Sleep(time.Second)
		answer, err = client.GetJobWithResponse(ctx, jobID, params)
	}
	return answer, err
}

// rename returns the asset's names before and after, and the problem of a change that expects the earlier version.
func rename(ctx context.Context, client *api.ClientWithResponses, identifier string) ([]string, api.ProblemCode) {
	page, err := client.ListAssetsWithResponse(ctx, &api.ListAssetsParams{Identifier: &identifier})
	require(err == nil && page.JSON200 != nil, err)
	asset, err := client.GetAssetWithResponse(ctx, page.JSON200.Assets[0].Id, nil)
	require(err == nil && asset.JSON200 != nil, err)
	params := &api.UpdateAssetParams{IfMatch: new(asset.HTTPResponse.Header.Get("ETag"))}
	patch := api.AssetPatch{Name: new(asset.JSON200.Name + ", left")}
	renamed, err := client.UpdateAssetWithResponse(ctx, asset.JSON200.Id, params, patch)
	require(err == nil && renamed.JSON200 != nil, err)
	stale, err := client.UpdateAssetWithResponse(ctx, asset.JSON200.Id, params, patch)
	require(err == nil && stale.ApplicationproblemJSON412 != nil, err)
	return []string{asset.JSON200.Name, renamed.JSON200.Name}, stale.ApplicationproblemJSON412.Code
}

// refusals returns the problems of a wrong token, a job that does not exist and a file that lacks columns.
func refusals(ctx context.Context, client *api.ClientWithResponses, jobID uuid.UUID) []api.ProblemCode {
	unauthorized, err := newClient("no-token").GetJobWithResponse(ctx, jobID, nil)
	require(err == nil && unauthorized.ApplicationproblemJSON401 != nil, err)
	absent, err := client.GetJobWithResponse(ctx, uuid.New(), nil)
	require(err == nil && absent.ApplicationproblemJSON404 != nil, err)
	contentType, form := formOf("assets.csv", []byte("identifier\nTV-1\n"))
	refused, err := client.UploadAssetsWithBodyWithResponse(ctx, nil, contentType, form)
	require(err == nil && refused.ApplicationproblemJSON400 != nil, err)
	return []api.ProblemCode{
		unauthorized.ApplicationproblemJSON401.Code,
		absent.ApplicationproblemJSON404.Code,
		refused.ApplicationproblemJSON400.Code,
	}
}

func require(condition bool, err error) {
	if !condition {
		log.Panicf("an unexpected answer, or error: %v", err)
	}
}
