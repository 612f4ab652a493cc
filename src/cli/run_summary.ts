import { type Binding, MAIN_CHANNEL, type RunConfig } from "../config/mod.ts";
import type { Service } from "../sandbox/mod.ts";

/** Logs where everything is and what is known to fail already, once the agent runs. */
export async function logSummary(config: RunConfig, service: Service): Promise<void> {
  const { log, healthUrl } = service;
  const main = config.mcp.bindings.find(({ channel }) => channel === MAIN_CHANNEL);
  const probe = (await service.status())?.probe;
  log.info("tunnel-client startup summary", {
    health_url: healthUrl,
    health_url_file: config.health.urlFile,
    ui_url: healthUrl.startsWith("http://") ? `${healthUrl}/ui` : "",
    metrics_url: healthUrl === "" ? "" : `${healthUrl}/metrics`,
    config_source: sourceOf(config),
    profile_name: config.source.profile,
    profile_path: config.source.profilePath,
    mcp_target_kind: main?.transport ?? "",
    mcp_target_value: main === undefined ? "" : shownTarget(main),
    first_failing_dependency: probe?.state === "failed" ? `mcp_probe: ${probe.error}` : "",
  });
}

/** `profile-file:PATH`, `profile:NAME`, the path of `--config`, or `flags/environment`. */
function sourceOf({ source }: RunConfig): string {
  if (source.isProfileFile) return `profile-file:${source.profilePath}`;
  if (source.profile !== "") return `profile:${source.profile}`;
  return source.configFile === "" ? "flags/environment" : source.configFile;
}

/** Path, query and arguments may hold secrets. */
function shownTarget(binding: Binding): string {
  return binding.transport === "stdio" ? binding.argv[0] ?? "" : new URL(binding.url).origin;
}
