// The bar at the top: name, pages, search, device, messages, colour scheme. On a phone the pages move into a menu.
import {
  ActionIcon,
  Menu,
  Tooltip,
  UnstyledButton,
  useComputedColorScheme,
  useMantineColorScheme,
} from "@mantine/core";
import { IconBell, IconKeyboard, IconMenu2, IconMoon, IconSearch, IconSun } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useStore } from "zustand";
import { toastStore } from "../../ui/toasts";
import { HASH, navigate, type Page } from "../router";
import { DeviceBadge } from "./DeviceBadge";
import { Logo } from "./Logo";
import classes from "./Shell.module.css";

export const PAGES = [
  { page: "gallery", label: "Workflows", hash: HASH.gallery },
  { page: "runs", label: "Runs", hash: HASH.runs },
  { page: "gpu", label: "Check my GPU", hash: HASH.gpu },
  { page: "about", label: "About", hash: HASH.about },
] as const;

/** ⌘ on Apple machines, Ctrl elsewhere. */
export function modKey(): string {
  return /Mac|iPhone|iPad/.test(navigator.userAgent) ? "⌘" : "Ctrl";
}

interface Props {
  page: Page;
  openPalette(): void;
  openKeys(): void;
  openMessages(): void;
}

export function Header(props: Props): ReactNode {
  const unread = useStore(toastStore, (state) =>
    state.history.reduce((sum, t) => sum + (t.isRead ? 0 : 1), 0),
  );
  const isAt = (page: Page): boolean =>
    page === props.page || (page === "gallery" && props.page === "workflow");
  return (
    <header className={classes.header}>
      <div className={classes.bar}>
        <a className={classes.brand} href={HASH.gallery}>
          <Logo />
          Tessera
        </a>
        <nav className={classes.nav} aria-label="Pages">
          {PAGES.map(({ page, label, hash }) => (
            <a key={page} className={classes.link} href={hash} aria-current={isAt(page) ? "page" : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <span className={classes.push} />
        <DeviceBadge />
        <UnstyledButton className={classes.search} onClick={props.openPalette}>
          <IconSearch size={14} aria-hidden />
          Search
          <kbd>{modKey()} K</kbd>
        </UnstyledButton>
        <ActionIcon size={32} className={classes.onPhone} aria-label="Search" onClick={props.openPalette}>
          <IconSearch size={17} stroke={1.6} aria-hidden />
        </ActionIcon>
        <Tooltip label="Messages">
          <ActionIcon
            size={32}
            pos="relative"
            aria-label={unread > 0 ? `Messages, ${unread} unread` : "Messages"}
            onClick={props.openMessages}
          >
            <IconBell size={17} stroke={1.6} aria-hidden />
            {unread > 0 && <span className={classes.unread} />}
          </ActionIcon>
        </Tooltip>
        <SchemeToggle />
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon size={32} className={classes.onPhone} aria-label="Pages">
              <IconMenu2 size={18} stroke={1.6} aria-hidden />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            {PAGES.map(({ page, label, hash }) => (
              <Menu.Item key={page} onClick={() => navigate(hash)}>
                {label}
              </Menu.Item>
            ))}
            <Menu.Item leftSection={<IconKeyboard size={14} aria-hidden />} onClick={props.openKeys}>
              Keyboard
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
      </div>
    </header>
  );
}

/** One press changes to the other scheme; "as the system" is in the command palette. */
function SchemeToggle(): ReactNode {
  const { setColorScheme } = useMantineColorScheme();
  const other =
    useComputedColorScheme("light", { getInitialValueInEffect: false }) === "dark" ? "light" : "dark";
  return (
    <Tooltip label={`Use ${other} colours`}>
      <ActionIcon size={32} aria-label={`Use ${other} colours`} onClick={() => setColorScheme(other)}>
        {other === "dark" ? (
          <IconMoon size={17} stroke={1.6} aria-hidden />
        ) : (
          <IconSun size={17} stroke={1.6} aria-hidden />
        )}
      </ActionIcon>
    </Tooltip>
  );
}
