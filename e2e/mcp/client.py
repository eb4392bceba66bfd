"""An MCP client that is told nothing but the server's URL, and a user who logs in at whatever provider it finds.

Usage: client.py URL [TOKEN]. With TOKEN it begins with that one, as a client does that kept it. Calls the tool `greet`
and prints JSON: what the tool said, and all requests on the way with the status of their answers.
"""

import asyncio
import html
import http.server
import json
import re
import sys
import threading
import urllib.parse
import urllib.request

from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata, OAuthToken


class Storage:
    """Tokens of one run."""

    def __init__(self, token):
        self.tokens = OAuthToken(access_token=token, token_type="Bearer") if token else None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Callback(http.server.BaseHTTPRequestHandler):
    """Where the provider sends the browser back to (RFC 8252 section 7.3)."""

    def do_GET(self):
        query = urllib.parse.urlsplit(self.path).query
        self.server.answer = dict(urllib.parse.parse_qsl(query))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def log_in(url):
    """What a person does: opens the page, fills in its form, and is sent back."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    page = browser.open(url).read().decode()
    action = html.unescape(re.search(r'action="([^"]+)"', page).group(1))
    form = urllib.parse.urlencode({"username": "alice", "password": "alice"}).encode()
    browser.open(urllib.parse.urljoin(url, action), form).read()


async def main(url, token):
    callback = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Callback)
    threading.Thread(target=callback.serve_forever, daemon=True).start()
    logins, requests = [], []

    async def redirect(to):
        logins.append(dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(to).query)))
        await asyncio.to_thread(log_in, to)

    async def answer():
        return AuthorizationCodeResult.model_validate(callback.answer)

    metadata = OAuthClientMetadata(
        client_name="test", redirect_uris=[f"http://127.0.0.1:{callback.server_port}/callback"],
        token_endpoint_auth_method="none")
    auth = OAuthClientProvider(url, metadata, Storage(token), redirect, answer)

    async def note(response):
        sent = response.request
        requests.append([sent.method, str(sent.url), response.status_code])

    async with create_mcp_http_client(auth=auth) as http_client:
        # The client's own steps on the way to its token, too.
        http_client.event_hooks = {"response": [note]}
        async with Client(streamable_http_client(url, http_client=http_client)) as client:
            result = await client.call_tool("greet", {"greeting": "Hello"})
    said = [part.text for part in result.content]
    print(json.dumps({"said": said, "logins": logins, "requests": requests}))


asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None))
