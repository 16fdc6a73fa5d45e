"""The dataset described for machines: Croissant 1.1 with the responsible-AI fields, as JSON-LD."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hashtag2action import __version__
from hashtag2action.report.facts import UNSAID, Facts, gaps_of, removal_text

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of Croissant 1.1. Source: its specification, appendix 1."""

_PARQUET = "application/x-parquet"

MEANINGS = {
    "clip_id": "Name of the clip.",
    "video_id": "Name of the post it was cut from.",
    "platform": "Platform the post came from.",
    "hashtag": "The tag the clip stands for: a weak label.",
    "hashtags": "All tags of the post.",
    "region": "Country code of the creator.",
    "license": "Licence or consent note of the source.",
    "creator": "Salted hash of the user name.",
    "frame_rate": "Mean frame rate of the source, frames per second.",
    "start_s": "Where the clip begins in its source, seconds.",
    "end_s": "Where it ends there.",
    "clip_start_s": "Where the scene begins in the clip's file, seconds.",
    "clip_end_s": "Where it ends there.",
    "clip_sha256": "SHA-256 of the clip's file.",
    "file": "Path of the clip's file, from this folder.",
}


def croissant_of(facts: Facts, folder: Path) -> dict[str, Any]:
    """Describe a dataset folder that holds `clips.parquet`, and shards or clips beside it."""
    table = folder / "clips.parquet"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": [
            "http://mlcommons.org/croissant/1.1",
            "http://mlcommons.org/croissant/RAI/1.0",
        ],
        "name": facts.title,
        "description": f"{facts.num_clips} clips of people in action, cut from {facts.num_posts} "
        "short-form videos found by hashtag.",
        "license": facts.license or "Each clip carries its own licence or consent note.",
        "url": "README.md",
        "version": f"{__version__}",
        "citeAs": f"{facts.title}. Made with Hashtag2Action {__version__}.",
        "isLiveDataset": True,
        **({"datePublished": facts.published} if facts.published else {}),
        **_responsible(facts),
        "distribution": [_file("clips.parquet", _PARQUET, table), *_containers(facts, folder)],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "clips",
                "name": "clips",
                "key": {"@id": "clips/clip_id"},
                "field": [_field(column) for column in pq.read_schema(table)],
            }
        ],
    }


def _responsible(facts: Facts) -> dict[str, Any]:
    regions = ", ".join(
        f"{region} {count}" for region, count in facts.regions.most_common(20) if region != UNSAID
    )
    rules = [
        f"{stage.text.title}: {stage.num_kept} kept, {stage.num_rejected} rejected"
        for stage in facts.stages
        if stage.state != "missing"
    ]
    noise = "not measured"
    if facts.purity:
        mean = sum(facts.purity.values()) / len(facts.purity)
        noise = f"mean purity {mean:.3f} over {len(facts.purity)} tags of a labelled sample"
    return {
        "rai:dataCollection": f"Posts from a source of kind {facts.source.get('kind', UNSAID)}, "
        "chosen by hashtags that stand for actions.",
        "rai:dataCollectionType": ["Web API" if _is_api(facts) else "Manual Human Curator"],
        "rai:dataPreprocessingProtocol": rules,
        "rai:dataAnnotationProtocol": f"No person labelled the clips; hashtags are weak labels, "
        f"whose noise is {noise}.",
        "rai:machineAnnotationTools": [f"Hashtag2Action {__version__}"],
        "rai:dataLimitations": gaps_of(facts),
        "rai:dataBiases": [f"Clips by region of the creator: {regions or UNSAID}."],
        "rai:personalSensitiveInformation": [
            f"The clips show people. Faces: {facts.faces}. User names are salted hashes, "
            f"descriptions are left out. Sound: {facts.sound}."
        ],
        "rai:dataUseCases": ["Pre-training of video models without labels"],
        "rai:dataReleaseMaintenancePlan": removal_text(facts),
    }


def _is_api(facts: Facts) -> bool:
    return facts.source.get("kind") in {"research_api", "youtube"}


def _containers(facts: Facts, folder: Path) -> list[dict[str, Any]]:
    found = []
    if "shards" in facts.containers:
        shards = sorted((folder / "shards").glob("*.tar"))
        found += [_file(f"shards/{path.name}", "application/x-tar", path) for path in shards]
        index = folder / "shards" / "index.parquet"
        found.append(_file("shards/index.parquet", _PARQUET, index))
    if "huggingface" in facts.containers:
        found.append(
            {
                "@type": "cr:FileSet",
                "@id": "clip-files",
                "name": "clip-files",
                "description": "One file per clip.",
                "encodingFormat": "video/mp4",
                "includes": "clips/**/*.mp4",
            }
        )
    return found


def _file(name: str, kind: str, path: Path) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": kind,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def _field(column: pa.Field) -> dict[str, Any]:
    is_list = pa.types.is_list(column.type)
    kind = "sc:Float" if pa.types.is_floating(column.type) else "sc:Text"
    field: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"clips/{column.name}",
        "name": column.name,
        "description": MEANINGS[column.name],
        "dataType": kind,
        "source": {"fileObject": {"@id": "clips.parquet"}, "extract": {"column": column.name}},
    }
    return field | ({"isArray": True, "arrayShape": "-1"} if is_list else {})
