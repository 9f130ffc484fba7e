/** A page that fails says so and can be tried again; the rest of the frame stays. */
import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { Empty } from '../parts/empty.tsx';

type State = { error: Error | null };

export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <Empty title="This page could not be drawn">
        <p>{error.message}</p>
        <Button onClick={() => window.location.reload()}>Load it again</Button>
      </Empty>
    );
  }
}
