import type { Member } from "./setting.ts";

const SINCE = "0.0.15";

/** What a caller may put into one placeholder. */
const PARAMETER_MEMBERS: readonly Member[] = [
  { key: "type", type: "string", required: true, help: "Only string.", example: "string" },
  { key: "required", type: "bool", required: true, help: "Only true.", example: "true" },
  { key: "description", type: "string", help: "Told to callers.", example: "Ticket number" },
  { key: "examples", type: "texts", help: "Told to callers, at most 8.", example: "[T-1, T-2]" },
  { key: "pattern", type: "string", help: "Matches the whole value; this or enum.", example: "T-[0-9]+" },
  {
    key: "enum",
    type: "texts",
    help: "The valid values, at most 64; this or pattern.",
    example: "[open, closed]",
  },
  { key: "min_length", type: "int", default: "1", help: "Shortest value.", example: "1" },
  { key: "max_length", type: "int", required: true, help: "Longest value, 1 to 256.", example: "16" },
  { key: "reserved_values", type: "texts", help: "Values that are refused, at most 64.", example: "[admin]" },
];

/** A request whose blanks callers fill in (08 §11). */
const TEMPLATE_MEMBERS: readonly Member[] = [
  { key: "version", type: "int", required: true, help: "Only 1.", example: "1" },
  {
    key: "origin",
    type: "url",
    required: true,
    help: "Always https, without a path.",
    example: "https://tickets.example.com",
  },
  { key: "method", type: "string", default: "GET", help: "Only GET.", example: "GET" },
  {
    key: "path_template",
    type: "string",
    required: true,
    help: "A placeholder fills a whole segment.",
    example: "/api/tickets/{ticket}",
  },
  {
    key: "query",
    type: "map",
    help: "Literal texts or one placeholder each.",
    example: '{ view: "{view}" }',
  },
  {
    key: "parameters",
    type: "objects",
    required: true,
    members: PARAMETER_MEMBERS,
    help: "The placeholders, 1 to 16.",
    example: "{ ticket: { type: string, required: true, pattern: 'T-[0-9]+', max_length: 16 } }",
  },
  {
    key: "headers",
    type: "map",
    references: "optional",
    secret: true,
    help: "Headers of every request.",
    example: "{ Authorization: env:TICKETS_AUTH }",
  },
  {
    key: "allowed_headers",
    type: "texts",
    help: "Headers that callers may set.",
    example: "[Accept-Language]",
  },
  { key: "follow_redirects", type: "bool", default: "false", help: "Only false.", example: "false" },
];

/** Keys of one `harpoon.targets` entry (CFG-83, A-117). */
export const HARPOON_MEMBERS: readonly Member[] = [
  { key: "label", type: "string", required: true, help: "Name that callers use.", example: "wiki" },
  {
    key: "url",
    type: "url",
    references: "optional",
    help: "What may be called; this or template.",
    example: "https://wiki.example.com/api",
  },
  {
    key: "unix_socket",
    type: "path-ref",
    references: "path",
    help: "Unix socket to dial instead of the URL's host; an absolute path.",
    example: "/run/wiki.sock",
  },
  { key: "description", type: "string", help: "Told to callers.", example: "Wiki search" },
  {
    key: "template",
    type: "object",
    members: TEMPLATE_MEMBERS,
    help: "A request whose blanks callers fill in; needs config_version: 2.",
    example:
      "{ version: 1, origin: https://tickets.example.com, path_template: '/api/{id}', parameters: {} }",
    since: SINCE,
  },
];
