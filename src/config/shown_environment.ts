import { isCredentialName } from "./credential_name.ts";
import type { Setting } from "./setting.ts";
import { SETTINGS } from "./settings.ts";
import { shownCommandLine } from "./shown_arguments.ts";
import { shownProxy, shownUrl } from "./shown_url.ts";

const REDACTED = "[REDACTED]";
const NAMES: ReadonlySet<string> = new Set([
  "ALLOW_REMOTE_UI",
  "CA_BUNDLE",
  "HEALTH_LISTEN_ADDR",
  "HEALTH_UNIX_SOCKET",
  "HEALTH_URL_FILE",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "OPENAI_API_KEY",
  "OPEN_WEB_UI",
  "PID_FILE",
  "PROXY_CHECK_INTERVAL",
]);
const PREFIX =
  /^(?:ADMIN_UI|CLOUDFLARED|CONTROL_PLANE|HARPOON|HEALTH|LOG|MCP|OPENAI_TUNNEL|SHUTDOWN|TUNNEL)_/;

/**
 * The variables that concern this program, without secrets (CFG-141), sorted by name.
 * @param secretNames variables that hold secrets whatever they are called
 * @param scrub masks what looks like a credential in any other text
 */
export function shownEnvironment(
  env: Readonly<Record<string, string>>,
  secretNames: readonly string[],
  scrub: (text: string) => string,
): Readonly<Record<string, string>> {
  const settings = new Map((SETTINGS as readonly Setting[]).map((setting) => [setting.env, setting]));
  const shown: [name: string, value: string][] = [];
  for (const [name, value] of Object.entries(env)) {
    const upper = name.toUpperCase();
    if (!NAMES.has(upper) && !PREFIX.test(upper) && !secretNames.includes(name)) continue;
    const type = settings.get(upper)?.type;
    if (type === "headers") shown.push([name, shownHeaders(value)]);
    else if (secretNames.includes(name) || isCredentialName(upper.replace(/CLIENT_KEY$/, ""))) {
      shown.push([name, value === "" ? "" : REDACTED]);
    } else if (type === "proxy-ref" || /^https?_proxy$/i.test(name)) {
      shown.push([name, value === "" || /^env:/.test(value) ? value : shownProxy(value)]);
    } else if (type === "url" || type === "url-bindings" || type === "harpoon-targets") {
      shown.push([name, shownBindings(value)]);
    } else if (type === "command-bindings") {
      const lines = value.split(/[\r\n]+/).filter((line) => line.trim() !== "");
      shown.push([name, scrub(lines.map(shownCommandLine).join("\n"))]);
    } else shown.push([name, scrub(value)]);
  }
  return Object.fromEntries(shown.sort(([a], [b]) => a < b ? -1 : 1));
}

/** Names stay; a part without one may be a piece of a value. */
function shownHeaders(value: string): string {
  const separator = value.includes(";") ? "; " : ", ";
  return value.split(/[,;]/).filter((item) => item.trim() !== "").map((item) => {
    const colon = item.indexOf(":");
    return colon === -1 ? REDACTED : `${item.slice(0, colon).trim()}: ${REDACTED}`;
  }).join(separator);
}

/** Every URL in the text is reduced, from its scheme to the next comma or blank. */
function shownBindings(value: string): string {
  return value.replace(/[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s,]*/g, shownUrl);
}
