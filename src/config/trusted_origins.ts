import { quoteUrl } from "./quote.ts";
import { entryNameOf, type SettingReader } from "./setting_reader.ts";

const SHAPE = /^https?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:[\]\\%]+)(?::(\d+))?\/?$/i;

/** Reads the origins that OAuth metadata may come from besides the server's own, each as `URL.origin`. */
export function readTrustedOrigins(reader: SettingReader): readonly string[] {
  const name = "mcp.oauth-trusted-origin";
  const found = reader.find(name);
  if (found === undefined) return [];
  return found.texts.flatMap((entry, index) => {
    const text = entry.trim();
    const port = SHAPE.exec(text)?.[1];
    const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
    if (SHAPE.test(text) && isPort && URL.canParse(text)) return [new URL(text).origin];
    reader.report(name, found, {
      code: "invalid_value",
      message: `invalid mcp.oauth_trusted_origins ${quoteUrl(text)} (${entryNameOf(found, index)})`,
      suggestion: "use http or https, host and port only, such as https://login.example.com",
      at: found.textsAt?.[index],
    });
    return [];
  });
}
