// Catches what a page throws while it is drawn, so that the rest of the studio stays usable. Events are not its matter.
import { Component, type ReactNode } from "react";
import type { Fields } from "../../base/errors";
import { ErrorState } from "../../ui/states";

interface Props {
  title: string;
  context?: Fields;
  children: ReactNode;
}

/** Give it a `key` that changes with the page: a new page starts without the old error. */
export class ErrorBoundary extends Component<Props, { error?: unknown; attempt: number }> {
  override state: { error?: unknown; attempt: number } = { attempt: 0 };

  static getDerivedStateFromError(error: unknown): { error: unknown } {
    return { error };
  }

  override render(): ReactNode {
    const { error, attempt } = this.state;
    if (error === undefined) return <div key={attempt}>{this.props.children}</div>;
    return (
      <ErrorState
        title={this.props.title}
        error={error}
        context={this.props.context}
        retry={() => this.setState({ error: undefined, attempt: attempt + 1 })}
      />
    );
  }
}
