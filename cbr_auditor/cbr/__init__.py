"""The CBR API: client, records, complete listing."""
