"""The steps of the graph, one module each; plain functions first, the PTransform around them last."""
