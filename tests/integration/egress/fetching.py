"""A Python tool that fetches what it is told to."""

from proctor.tools.authoring import ToolResources


async def fetch(url: str, resources: ToolResources) -> dict[str, int]:
    return {"status": (await resources.http.get(url)).status_code}
