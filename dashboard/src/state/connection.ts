import type { Link } from "../api/follow";

/** The streams that the page follows. */
export type StreamName = "alerts" | "log" | "pictures" | "cameras";

/** How each is doing. */
export type Links = Readonly<Record<StreamName, Link>>;

/** Before anything was tried. */
export const NO_LINKS: Links = {
  alerts: { state: "connecting" },
  log: { state: "connecting" },
  pictures: { state: "connecting" },
  cameras: { state: "connecting" },
};

/** What the header says: never better than the worst stream that matters. */
export interface Connection {
  readonly state: "live" | "connecting" | "reconnecting" | "partly";
  readonly text: string;
}

/** Sums the streams up. A stream paused because its view is not shown does not count. */
export function connectionOf(links: Links): Connection {
  const all = Object.values(links);
  const lost = Object.entries(links).filter(([, link]) => link.state === "reconnecting");
  if (lost.length > 0) {
    const names = lost.length === all.length ? "" : `: ${lost.map(([name]) => name).join(", ")}`;
    return { state: "reconnecting", text: `Reconnecting${names}` };
  }
  if (all.some((link) => link.state === "connecting")) {
    return { state: "connecting", text: "Connecting" };
  }
  const refused = Object.entries(links).filter(([, link]) => link.state === "refused");
  if (refused.length > 0) {
    return { state: "partly", text: `Live, without ${refused.map(([name]) => name).join(", ")}` };
  }
  return { state: "live", text: "Live" };
}

/** A stream's state in words. */
export function linkText(link: Link): string {
  switch (link.state) {
    case "reconnecting":
      return `reconnecting, attempt ${link.attempt}: ${link.error}`;
    case "refused":
      return `refused: ${link.error}`;
    default:
      return link.state;
  }
}
