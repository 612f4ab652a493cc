import { formatDuration } from "./duration.ts";
import type { HarpoonTarget } from "./harpoon_config.ts";
import type { CertificatePaths, ProxyChoice } from "./network_config.ts";
import type { Json } from "./profile_schema.ts";
import type { Binding, RunConfig } from "./run_config.ts";
import { shownArguments } from "./shown_arguments.ts";
import { shownProxy, shownUrl } from "./shown_url.ts";

const REDACTED = "[REDACTED]";

/** A group of {@link EffectiveConfig}. */
export interface EffectiveGroup {
  readonly [key: string]: Json;
}

/** Groups of settings by name, the groups and keys of the support export (CFG-144) and ours. */
export interface EffectiveConfig {
  readonly [group: string]: EffectiveGroup;
}

/** The configuration as it may be shown and compared: every secret masked, header maps with their names only (CFG-144). */
export function effectiveConfig(config: RunConfig): EffectiveConfig {
  const { source, log, health, cloudflared, adminUi, tls } = config;
  return {
    source: {
      config_file: source.configFile,
      profile: source.profile,
      profile_path: source.profilePath,
      profile_dir: source.profileDir,
    },
    control_plane: controlPlaneGroup(config),
    log: { level: log.level, format: log.format, file: log.file, http_raw_unsafe: log.httpRawUnsafe },
    health: {
      listen_addr: health.listenAddr,
      unix_socket: health.unixSocket,
      url_file: health.urlFile,
      show_details: health.showDetails,
    },
    process: { pid_file: config.pidFile },
    cloudflared: {
      enabled: cloudflared.enabled,
      managed: cloudflared.managed,
      token: mask(cloudflared.token),
      path: cloudflared.path,
      ready_timeout: formatDuration(cloudflared.readyTimeoutMs),
    },
    admin_ui: {
      allow_remote: adminUi.allowRemote,
      open_browser: adminUi.openBrowser,
      log_buffer_events: adminUi.logBufferEvents,
    },
    mcp: mcpGroup(config),
    harpoon: harpoonGroup(config),
    proxy: { check_interval: formatDuration(config.proxyCheckIntervalMs) },
    shutdown: { drain_timeout: formatDuration(config.drainTimeoutMs) },
    reload: { watch: config.reloadWatch },
    sandbox: { mode: config.sandbox, learn: config.sandboxLearn },
    ...(tls.caBundle === "" ? {} : { tls: { ca_bundle: tls.caBundle } }),
  };
}

function controlPlaneGroup({ controlPlane }: RunConfig): EffectiveGroup {
  return {
    base_url: shownUrl(controlPlane.baseUrl),
    url_path: controlPlane.urlPath,
    tunnel_id: controlPlane.tunnelId,
    organization_id: controlPlane.organizationId,
    api_key: mask(controlPlane.apiKey),
    client_certificate: certificate(controlPlane.clientCertificate),
    max_inflight_requests: controlPlane.maxInflight,
    poll_timeout: formatDuration(controlPlane.pollTimeoutMs),
    initial_poll_timeout: formatDuration(controlPlane.initialPollTimeoutMs),
    poll_deadline_guardrail: formatDuration(controlPlane.pollDeadlineGuardrailMs),
    poll_channels: controlPlane.pollChannels === undefined ? null : [...controlPlane.pollChannels],
    extra_headers: headers(controlPlane.extraHeaders),
    ...proxy(controlPlane.proxy),
    poll_backoff_min: formatDuration(controlPlane.backoffMinMs),
    poll_backoff_max: formatDuration(controlPlane.backoffMaxMs),
  };
}

function mcpGroup({ mcp }: RunConfig): EffectiveGroup {
  const main = mcp.bindings.find(({ channel }) => channel === "main");
  const { channel: _channel, ...mainBinding } = main === undefined ? NO_BINDING : binding(main);
  return {
    ...mainBinding,
    startup_wait_timeout: formatDuration(mcp.startupWaitTimeoutMs),
    connection_max_ttl: formatDuration(mcp.connectionMaxTtlMs),
    max_concurrent_requests: mcp.maxConcurrentRequests,
    stdio_concurrency: mcp.stdioConcurrency,
    stdio_send_initialized_notification: mcp.stdioSendInitializedNotification,
    forward_trace_context: mcp.forwardTraceContext,
    oauth_trusted_origins: [...mcp.oauthTrustedOrigins],
    extra_headers: headers(mcp.extraHeaders),
    discovery_extra_headers: headers(mcp.discoveryExtraHeaders),
    channel_bindings: mcp.bindings.map(binding),
  };
}

const NO_BINDING: EffectiveGroup = {
  channel: "",
  transport: "",
  server_url: "",
  unix_socket_path: "",
  command: "",
  command_args: [],
  client_certificate: certificate(undefined),
  http_proxy: "",
  http_proxy_source: "none",
};

function binding(bound: Binding): EffectiveGroup {
  const common = { ...NO_BINDING, channel: bound.channel, transport: bound.transport };
  if (bound.transport === "http-streamable") {
    return {
      ...common,
      server_url: shownUrl(bound.url),
      unix_socket_path: bound.unixSocket ?? "",
      client_certificate: certificate(bound.clientCertificate),
      ...proxy(bound.proxy),
    };
  }
  const [command = "", ...args] = bound.argv;
  return {
    ...common,
    command,
    command_args: shownArguments(args),
    env: Object.fromEntries(Object.keys(bound.env).map((name) => [name, REDACTED])),
    inherit_env: bound.inheritEnv,
    wrapper: shownArguments(bound.wrapper),
  };
}

function harpoonGroup({ harpoon }: RunConfig): EffectiveGroup {
  return {
    allow_plaintext_http: harpoon.allowPlaintextHttp,
    max_response_bytes: harpoon.maxResponseBytes,
    max_redirects: harpoon.maxRedirects,
    additional_transports: [...harpoon.additionalTransports],
    targets: harpoon.targets.map(target),
    capture_payloads: harpoon.capturePayloads,
    host_classifier: {
      include_suffix: [...harpoon.hostsIncludeSuffix],
      include_regex: [...harpoon.hostsIncludeRegex],
      include_loopback: harpoon.hostsIncludeLoopback,
      include_private: harpoon.hostsIncludePrivate,
    },
    ...proxy(harpoon.proxy),
  };
}

/** Nothing of a template but what callers see anyway. */
function target(shown: HarpoonTarget): EffectiveGroup {
  const { label, description } = shown;
  if (shown.kind === "url") {
    const { url, unixSocket = "" } = shown;
    return { label, description, base_url: shownUrl(url), unix_socket_path: unixSocket };
  }
  return { label, description, template_parameters: shown.template.parameters.map(({ name }) => name) };
}

function proxy(choice: ProxyChoice): { http_proxy: string; http_proxy_source: string } {
  return choice.kind === "explicit"
    ? { http_proxy: shownProxy(choice.url), http_proxy_source: choice.source }
    : { http_proxy: "", http_proxy_source: "none" };
}

function certificate(paths: CertificatePaths | undefined): EffectiveGroup {
  return { cert_path: paths?.certPath ?? "", key_path: paths?.keyPath ?? "" };
}

function headers(list: readonly (readonly [name: string, value: string])[]): EffectiveGroup {
  return Object.fromEntries(list.map(([name]) => [name, REDACTED]));
}

function mask(secret: string): string {
  return secret === "" ? "" : REDACTED;
}
