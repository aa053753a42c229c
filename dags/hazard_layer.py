"""Load one public hazard layer, once for all tenants.

**Reads** a file in the `reference` landing folder (GeoJSON, GeoPackage, zipped Shapefile, any CRS) or FEMA's service for the given
bounds; **writes** `reference.hazard_layer` and `reference.hazard_feature`. Geometries are validated, and cut into pieces of at most
128 vertices so that joins stay fast. A new version becomes current for batches to come; an older vintage never does. Properties
already scored keep the version that spoke, until their batch runs again.
"""

from airflow.sdk import DAG

from estate.orchestration import RUN, layer_params, load_layer

with DAG("hazard_layer", schedule=None, params=layer_params(), tags=["reference"], doc_md=__doc__, **RUN):
    load_layer()
