import { LITERAL, PATH_REFERENCE, PROXY_REFERENCE, type Setting } from "./setting.ts";

const NETWORK = "TLS and proxies";

/** Settings of every outgoing request (sections 7 and 8). */
export const NETWORK_SETTINGS = [
  {
    name: "ca-bundle",
    env: "CA_BUNDLE",
    yaml: "ca_bundle",
    type: "path-ref",
    default: "",
    references: PATH_REFERENCE,
    emptyFlagClears: true,
    group: NETWORK,
    placeholder: "PATH",
    help:
      "PEM file of CA certificates, trusted in addition to the system trust for all outbound TLS. An empty flag means none.",
    example: "/etc/ssl/proxy-root.pem",
  },
  {
    name: "http-proxy",
    env: "TUNNEL_CLIENT_HTTP_PROXY",
    yaml: "http_proxy",
    type: "proxy-ref",
    default: "",
    references: PROXY_REFERENCE,
    emptyIsError: ["flag"],
    group: NETWORK,
    placeholder: "URL",
    help:
      "Proxy for everything that has no narrower one, http:// or https:// or env:NAME. Wins over HTTPS_PROXY and NO_PROXY.",
    example: "env:HTTPS_PROXY",
  },
  {
    name: "proxy.check-interval",
    env: "PROXY_CHECK_INTERVAL",
    yaml: "proxy.check_interval",
    type: "duration",
    default: "60s",
    limits: { above: "0s" },
    references: LITERAL,
    emptyIsError: ["env"],
    group: NETWORK,
    placeholder: "DURATION",
    help: "Pause between two checks of the proxies in use.",
    example: "60s",
  },
] as const satisfies readonly Setting[];
