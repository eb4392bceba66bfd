"""A small MCP server without any authorization of its own: whoever reaches it may call its tool.

Prints the port on 127.0.0.1 that it listens on, then serves /mcp until its standard input ends.
"""

import asyncio
import socket
import sys

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("greeter", log_level="ERROR")


@server.tool()
def greet(greeting: str, context: Context) -> str:
    """Greets whoever calls, by the name that the gate says."""
    headers = context.headers or {}
    return f"{greeting}, {headers.get('x-user', 'stranger')}"


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    served = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    print(listener.getsockname()[1], flush=True)
    serving = asyncio.create_task(served.serve(sockets=[listener]))
    await asyncio.to_thread(sys.stdin.read)
    served.should_exit = True
    await serving


asyncio.run(main())
