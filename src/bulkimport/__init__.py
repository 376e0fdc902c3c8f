"""Bulk import of assets over HTTP."""
