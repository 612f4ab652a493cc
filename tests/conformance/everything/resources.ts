import { type McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import { PNG_BASE64 } from "./media.ts";

const WATCHED_URI = "test://watched-resource";

/** Registers the resources that the suite reads. */
export function addResources(server: McpServer): void {
  server.registerResource("Static text", "test://static-text", {
    description: "A text that never changes.",
    mimeType: "text/plain",
  }, ({ href }) => ({
    contents: [{
      uri: href,
      mimeType: "text/plain",
      text: "This is the content of the static text resource.",
    }],
  }));
  server.registerResource("Static binary", "test://static-binary", {
    description: "An image that never changes.",
    mimeType: "image/png",
  }, ({ href }) => ({ contents: [{ uri: href, mimeType: "image/png", blob: PNG_BASE64 }] }));
  server.registerResource("Watched resource", WATCHED_URI, {
    description: "A text that can be subscribed to.",
    mimeType: "text/plain",
  }, ({ href }) => ({ contents: [{ uri: href, mimeType: "text/plain", text: "Watched." }] }));
  const template = new ResourceTemplate("test://template/{id}/data", { list: undefined });
  server.registerResource("Template", template, {
    description: "A resource for every id.",
    mimeType: "application/json",
  }, ({ href }, { id }) => ({
    contents: [{
      uri: href,
      mimeType: "application/json",
      text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
    }],
  }));
}

/** Accepts subscriptions of the 2025 era; nothing here ever changes, so there is nothing to send. */
export function acceptSubscriptions({ server }: McpServer): void {
  server.setRequestHandler("resources/subscribe", () => ({}));
  server.setRequestHandler("resources/unsubscribe", () => ({}));
}
