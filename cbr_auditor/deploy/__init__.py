"""Deploys the function by FunctionGraph's own API, as serverless.yml describes it; never part of the zip."""
