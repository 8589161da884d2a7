/** Who looks at the page, as the server knows it from the session's cookie. */
export interface Session {
  /** Name of the credential's owner. */
  readonly subject: string;
  /** Roles it holds; what they may do is decided by the server. */
  readonly roles: readonly string[];
  /** Deployment profile: `embedded`, ... */
  readonly profile: string;
}

/** Asks the server who this is; `null` when nobody is signed in. Throws when the server cannot be reached. */
export async function whoami(signal: AbortSignal): Promise<Session | null> {
  const answer = await fetch("/whoami", { headers: { accept: "application/json" }, signal });
  if (answer.status === 401 || answer.status === 403) {
    return null;
  }
  if (!answer.ok) {
    throw new Error(`the server answered ${answer.status}`);
  }
  return readSession(await answer.json());
}

/** Reads the answer without trusting its shape. */
export function readSession(json: unknown): Session {
  const fields = typeof json === "object" && json !== null ? (json as Record<string, unknown>) : {};
  const text = (value: unknown): string => (typeof value === "string" ? value : "");
  return {
    subject: text(fields.subject),
    roles: Array.isArray(fields.roles) ? fields.roles.filter((role): role is string => typeof role === "string") : [],
    profile: text(fields.profile),
  };
}
