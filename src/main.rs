use std::process::ExitCode;

fn main() -> ExitCode {
    walsift::cli::main()
}
