//! man/myagent.1 is what the command line says about itself; `MYAGENT_UPDATE_MAN=1` writes it anew.

use clap_mangen::Man;
use myagent::cli;
use std::fmt::Write;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/man/myagent.1");

#[test]
fn the_page_is_up_to_date() {
    let page = render();
    if std::env::var_os("MYAGENT_UPDATE_MAN").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(std::path::Path::new(PAGE).parent().unwrap()).unwrap();
        std::fs::write(PAGE, &page).unwrap();
    }
    let committed = std::fs::read_to_string(PAGE).unwrap();
    assert!(
        committed == page,
        "man/myagent.1 is old; MYAGENT_UPDATE_MAN=1 cargo test --test cli writes it anew"
    );
}

#[test]
fn the_page_names_every_option_and_section() {
    let page = std::fs::read_to_string(PAGE).unwrap().replace("\\-", "-");
    for part in [
        "--foreground",
        "--service",
        "--daemon",
        "--replace-forwarded",
        "MYAGENT COMPLETIONS",
        "--shell",
        "--log",
        "--json",
        "EXIT STATUS",
        "ENVIRONMENT",
        "FILES",
        "MYAGENT_SOCK",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
}

fn render() -> String {
    let mut command = cli::command();
    command.build();
    let man = Man::new(command.clone()).section("1").manual("User Commands");
    let mut page = String::new();
    page += &part(|out| man.render_title(out));
    page += &part(|out| man.render_name_section(out));
    page += &part(|out| man.render_synopsis_section(out));
    page += &part(|out| man.render_description_section(out));
    page += &part(|out| man.render_options_section(out));
    for sub in command.get_subcommands() {
        let name = sub.get_bin_name().unwrap().to_owned();
        let man = Man::new(sub.clone().version("").display_name(&name));
        writeln!(page, ".SH \"{}\"", name.to_uppercase()).unwrap();
        page += &headless(&part(|out| man.render_synopsis_section(out)));
        page += ".PP\n";
        page += &headless(&part(|out| man.render_description_section(out)));
        page += &headless(&part(|out| man.render_options_section(out)));
    }
    for (title, text) in cli::SECTIONS {
        writeln!(page, ".SH \"{}\"\n.nf", title.to_uppercase()).unwrap();
        for line in text.lines() {
            let line = line.replace('\\', "\\e").replace('-', "\\-");
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            writeln!(page, "{guard}{line}").unwrap();
        }
        page += ".fi\n";
    }
    once_defined(&page) + ".SH \"SEE ALSO\"\n.BR ssh (1),\n.BR ssh\\-add (1),\n.BR ssh\\-agent (1)\n"
}

fn part(render: impl FnOnce(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    render(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The page with the definition of the apostrophe, which every part brings along, at its head alone.
fn once_defined(page: &str) -> String {
    let define = ".ie \\n(.g .ds Aq \\(aq\n.el .ds Aq '\n";
    define.to_owned() + &page.replace(define, "")
}

/// A part of a page without its own heading.
fn headless(part: &str) -> String {
    part.lines().filter(|line| !line.starts_with(".SH ")).map(|line| format!("{line}\n")).collect()
}
