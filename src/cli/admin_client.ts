import { readCaBundle } from "../admin/mod.ts";
import type { ParsedFlags } from "../config/mod.ts";
import { createRouteClient, environmentProxy, type HttpClient } from "../net/mod.ts";
import { settingValue } from "./admin_options.ts";

/**
 * The client for the management API. Proxies are those of the environment only (CFG-61, CFG-150), and no client
 * certificate is shown (P-143).
 * @throws {AdminError} for a CA bundle that cannot be used
 */
export function adminHttpClient(
  flags: ParsedFlags,
  env: Readonly<Record<string, string>>,
  readTextFile: (path: string) => string,
): HttpClient {
  const caPem = readCaBundle({ reference: settingValue("ca-bundle", flags, env).text, env, readTextFile });
  return createRouteClient({ proxy: environmentProxy(env), tls: caPem === undefined ? {} : { caPem } });
}
