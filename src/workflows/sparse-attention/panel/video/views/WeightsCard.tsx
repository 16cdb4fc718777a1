// Where weights come from: the page's own, trained here, or a file of an earlier training; and in words what they are.
import { Button, Text } from "@mantine/core";
import { formatBytes } from "../../../../../base/stats";
import { Dropzone } from "../../../../../ui/Dropzone";
import { Panel as Card } from "../../../../../ui/Panel";
import { SHIPPED_NAME } from "../shipped";
import type { VideoState } from "../state";
import { isVideoBusy, type VideoLab } from "../store";
import { sizeWords, trainingWords } from "../words";

export function WeightsCard({ lab, state }: { lab: VideoLab; state: VideoState }) {
  const { weights, job } = state;
  const info = weights.value;
  return (
    <Card title="Weights" note={info?.name ?? "None yet: train some, or drop a file"}>
      <Dropzone
        label="Drop weights of a training"
        extensions={[".safetensors"]}
        onFiles={([file]) => lab.loadWeights(file, file.name)}
        busy={weights.state === "waiting"}
        disabled={isVideoBusy(job)}
        error={weights.error}
        actions={
          info?.name !== SHIPPED_NAME && (
            <Button
              size="xs"
              variant="default"
              disabled={isVideoBusy(job) || weights.state === "waiting"}
              onClick={() => void lab.takeShipped()}
            >
              Use the page’s own
            </Button>
          )
        }
        compact
      />
      {info && (
        <Text size="sm" mt={8}>
          {trainingWords(info)}; {sizeWords(info)}, {formatBytes(info.bytes)}.
        </Text>
      )}
    </Card>
  );
}
