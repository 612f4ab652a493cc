/** What can be told of the ways that requests take: for the log, the status and the checks of proxies. */
import type { Binding, ProxyChoice, RunConfig } from "../config/mod.ts";
import { describeRoute, DIRECT_ROUTE, type Route } from "../net/mod.ts";
import type { LogFields, RouteSummary } from "../ops/agent_side.ts";
import { activeBindings } from "./permissions.ts";
import type { Routes } from "./routes.ts";

/** One peer and the way to it. */
export interface NamedRoute {
  readonly summary: RouteSummary;
  /** Undefined where there is no network. May hold secrets. */
  readonly url: string | undefined;
  readonly route: Route;
  /** What the log tells of it beside its summary (PX-12). */
  readonly fields: LogFields;
}

/** Every route in use: the control plane, then each binding in order (PX-13). */
export function namedRoutes(config: RunConfig, routes: Routes): readonly NamedRoute[] {
  const { baseUrl, proxy, clientCertificate } = config.controlPlane;
  const controlPlane = named("control_plane", "control-plane", baseUrl, routes.controlPlane, proxy, {
    mtls_enabled: clientCertificate !== undefined,
    mtls_cert_path: clientCertificate?.certPath,
    unix_socket_path: routes.controlPlane.unixSocket,
  });
  return [controlPlane, ...activeBindings(config).map((binding) => ofBinding(binding, routes))];
}

function ofBinding(binding: Binding, routes: Routes): NamedRoute {
  const { channel, transport } = binding;
  const fields = { channel, transport };
  if (binding.transport === "stdio") {
    const summary = {
      kind: "mcp_channel",
      name: channel,
      route_mode: "direct",
      proxy_source: "none",
    } as const;
    return { summary, url: undefined, route: DIRECT_ROUTE, fields: { ...fields, mtls_enabled: false } };
  }
  const { url, proxy, clientCertificate, unixSocket } = binding;
  return named("mcp_channel", channel, url, routes.channels[channel] ?? DIRECT_ROUTE, proxy, {
    ...fields,
    mtls_enabled: clientCertificate !== undefined,
    mtls_cert_path: clientCertificate?.certPath,
    unix_socket_path: unixSocket,
  });
}

function named(
  kind: RouteSummary["kind"],
  name: string,
  url: string,
  route: Route,
  choice: ProxyChoice,
  fields: LogFields,
): NamedRoute {
  const source = choice.kind === "explicit" ? choice.source : "environment";
  const { target, routeMode, proxySource, proxyUrl, proxyId } = describeRoute(route, url, source);
  const summary: RouteSummary = {
    kind,
    name,
    target,
    route_mode: routeMode,
    proxy_source: proxySource,
    ...(proxyUrl === undefined ? {} : { proxy_url: proxyUrl, proxy_id: proxyId }),
  };
  return { summary, url, route, fields };
}

/** A route as a log record tells it (PX-12). */
export function routeFields({ summary, fields }: NamedRoute): LogFields {
  const { kind, name, target, ...proxy } = summary;
  return { ...fields, route_kind: kind, route_name: name, target_host: target, ...proxy };
}
