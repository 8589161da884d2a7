import { Code, ConnectError } from "@connectrpc/connect";

/** A failed call in words for the one who made it. */
export interface Failure {
  /** What it means. */
  readonly title: string;
  /** What the server said. */
  readonly text: string;
}

/** Puts a failed call into words. */
export function failureText(error: unknown): Failure {
  const failed = ConnectError.from(error);
  return { title: title(failed.code), text: failed.rawMessage };
}

function title(code: Code): string {
  switch (code) {
    case Code.FailedPrecondition:
      return "Not possible now";
    case Code.InvalidArgument:
      return "Refused";
    case Code.PermissionDenied:
      return "Your role does not allow this";
    case Code.Unauthenticated:
      return "Signed out";
    case Code.NotFound:
      return "Not there any more";
    case Code.AlreadyExists:
      return "Already there";
    case Code.ResourceExhausted:
      return "Too much at once";
    case Code.DeadlineExceeded:
      return "Not answered yet";
    case Code.Unavailable:
    case Code.Unknown:
      return "The server cannot be reached";
    default:
      return "That did not work";
  }
}
