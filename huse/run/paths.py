"""Where every artefact lies, once. All paths are relative: to the root of a `huse.run.place.Run`, or to its cache."""

from pathlib import Path

MAP = Path("dvc.yaml")
PARAMS = Path("params.yaml")
LOCK = Path("dvc.lock")
IMPORTED = Path("data/imported")  # catalogues that `huse import` writes
GATE = Path("metrics/gate.yaml")  # rules, no output of a stage

SAMPLE_CSV = Path("data/sample/catalogue.csv")
SAMPLE_IMAGES = Path("data/sample/images")

PRODUCTS = Path("data/catalogue/products.parquet")
REJECTED = Path("data/catalogue/rejected.parquet")
CLASSES = Path("data/catalogue/classes.json")

NAMES = Path("data/text/names.parquet")
WORD_VECTORS = Path("data/text/word_vectors.npy")
WORDS = Path("data/text/words.parquet")
VOCABULARY = Path("data/text/vocabulary.npy")
VOCABULARY_WORDS = Path("data/text/vocabulary.parquet")
TEXT_ENCODER = Path("data/text/encoder")

BACKBONE = Path("data/backbone")  # an encoder of pictures

IMAGE_VECTORS = Path("data/vectors/image.npy")
TEXT_VECTORS = Path("data/vectors/text.npy")

LABEL_VECTORS = Path("data/labels/label_vectors.npy")
ADJACENCY = Path("data/labels/adjacency.npy")
LABELS = Path("data/labels/labels.json")
ZERO_SHOT = Path("data/labels/zero_shot.npy")
LABEL_PAIRS = Path("data/labels/pairs.csv")

TOWERS = Path("data/towers/towers.safetensors")
TOWERS_CONFIG = Path("data/towers/config.json")
MODEL = Path("data/model")
INDEX = Path("data/index")  # no output of a stage, as `huse add` changes it

IMAGE_EMBEDDINGS = Path("data/embeddings/image.npy")
TEXT_EMBEDDINGS = Path("data/embeddings/text.npy")
IMAGE_SCORES = Path("data/embeddings/scores_image.npy")
TEXT_SCORES = Path("data/embeddings/scores_text.npy")

TEST_ITEMS = Path("data/evaluation/items.parquet")
VALIDATION_ITEMS = Path("data/evaluation/validation_items.parquet")
VALIDATION_QUERIES = Path("data/evaluation/validation_queries.parquet")
TEST_QUERIES = Path("data/evaluation/queries.parquet")
TEST_PRODUCTS = Path("data/evaluation/products.parquet")
TEST_CLASSES = Path("data/evaluation/classes.parquet")
HEDGING = Path("data/evaluation/hedging.json")

CATALOGUE_METRICS = Path("metrics/catalogue.json")
FINETUNE_METRICS = Path("metrics/finetune_backbone.json")
WORD_VECTOR_METRICS = Path("metrics/word_vectors.json")
TEXT_VECTOR_METRICS = Path("metrics/text_vectors.json")
LABEL_METRICS = Path("metrics/labels.json")
TRAIN_METRICS = Path("metrics/train.json")
EVALUATE_METRICS = Path("metrics/evaluate.json")
VALIDATION_METRICS = Path("metrics/validation.json")
INDEX_METRICS = Path("metrics/index.json")

FINETUNE_CURVES = Path("metrics/finetune.csv")
LIVE = Path("metrics/live")
CONFUSION = Path("metrics/confusion.csv")
CONFUSED_PAIRS = Path("metrics/confused_pairs.csv")
ITEM_METRICS = Path("metrics/items.parquet")
REPORT = Path("metrics/report.html")

TUNING = Path("data/tuning")  # studies of `huse tune`; their experiments are kept by DVC

# Not of DVC, and safe to delete at any time: what need not be done again. HUSE_CACHE names another folder, so that the
# temporary folders in which DVC runs experiments can share one.
CACHE = Path("data/cache")
# In the cache.
WORD_CACHE = Path("word_vectors")
FINGERPRINTS = Path("fingerprints.json")
VECTOR_CACHE = Path("image_vectors.sqlite")
TEXT_VECTOR_CACHE = Path("text_vectors.sqlite")
CHECKPOINTS = Path("checkpoints")
COMPARISON = Path("comparison")
