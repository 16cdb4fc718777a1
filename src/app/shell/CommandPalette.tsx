// Everything the studio can do, by typing: workflows, pages, colours, help. It runs nothing that the pages cannot.
import { useMantineColorScheme } from "@mantine/core";
import { Spotlight, type SpotlightActionData, spotlight } from "@mantine/spotlight";
import "@mantine/spotlight/styles.layer.css";
import {
  IconBook2,
  IconDeviceDesktop,
  IconFlask,
  IconKeyboard,
  IconLayoutGrid,
  IconMoon,
  IconSearch,
  IconSun,
} from "@tabler/icons-react";
import { type ReactNode, useEffect } from "react";
import { workflows } from "../registry";
import { navigate, workflowHash } from "../router";
import classes from "./CommandPalette.module.css";
import { PAGES } from "./Header";

interface Props {
  opened: boolean;
  onClose(): void;
  openKeys(): void;
}

export default function CommandPalette(props: Props): ReactNode {
  const { setColorScheme } = useMantineColorScheme();
  useEffect(() => {
    if (props.opened) spotlight.open();
    else spotlight.close();
  }, [props.opened]);
  const icon = { size: 18, stroke: 1.5, "aria-hidden": true };
  const actions: { group: string; actions: SpotlightActionData[] }[] = [
    {
      group: "Workflows",
      actions: workflows.map((workflow) => ({
        id: `workflow-${workflow.id}`,
        label: workflow.title,
        description: workflow.summary,
        keywords: [workflow.paper.title, workflow.paper.authors, workflow.id],
        leftSection: <IconFlask {...icon} />,
        onClick: () => navigate(workflowHash(workflow.id)),
      })),
    },
    {
      group: "Pages",
      actions: PAGES.map(({ page, label, hash }) => ({
        id: `page-${page}`,
        label,
        leftSection: <IconLayoutGrid {...icon} />,
        onClick: () => navigate(hash),
      })),
    },
    {
      group: "Studio",
      actions: [
        {
          id: "light",
          label: "Light colours",
          leftSection: <IconSun {...icon} />,
          onClick: () => setColorScheme("light"),
        },
        {
          id: "dark",
          label: "Dark colours",
          leftSection: <IconMoon {...icon} />,
          onClick: () => setColorScheme("dark"),
        },
        {
          id: "auto",
          label: "Colours as the system has them",
          leftSection: <IconDeviceDesktop {...icon} />,
          onClick: () => setColorScheme("auto"),
        },
        {
          id: "keys",
          label: "Keyboard shortcuts",
          leftSection: <IconKeyboard {...icon} />,
          onClick: props.openKeys,
        },
        {
          id: "docs",
          label: "Limits, privacy and licence",
          keywords: ["docs", "documentation", "help"],
          leftSection: <IconBook2 {...icon} />,
          onClick: () => navigate("#/about"),
        },
      ],
    },
  ];
  return (
    <Spotlight
      actions={actions.filter((group) => group.actions.length > 0)}
      shortcut={null}
      onSpotlightClose={props.onClose}
      nothingFound="Nothing matches"
      highlightQuery
      scrollable
      maxHeight={420}
      // The list outgrows its box: who moves by Tab must be able to scroll it.
      scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}
      overlayProps={{ blur: 0, backgroundOpacity: 0.4 }}
      attributes={{ content: { "aria-label": "Search" } }}
      classNames={{ action: classes.action, search: classes.search }}
      searchProps={{
        leftSection: <IconSearch size={18} stroke={1.6} aria-hidden />,
        placeholder: "Search workflows, pages, commands",
        "aria-label": "Search workflows, pages, commands",
      }}
    />
  );
}
