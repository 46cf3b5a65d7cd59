//! What holds or borrows a secret is neither copied nor shown: the compiler proves it, type by type.
//!
//! Guarantees that a program in which one of the named types can be cloned, formatted or serialised does not compile. A
//! type that only this crate's parts can see is named in its own module.
#![forbid(unsafe_code)]

/// Does not compile where one of the types has any of these traits: then two implementations fit, and none is chosen.
macro_rules! never_copied_or_shown {
    ($($type:ty),+ $(,)?) => {$(
        const _: fn() = {
            #[allow(dead_code)] // only the compiler asks
            trait Answer<Trait> {
                fn is_unique() {}
            }
            struct Copied;
            struct Debugged;
            struct Displayed;
            struct Serialised;
            impl<T: ?Sized> Answer<()> for T {}
            impl<T: ?Sized + Clone> Answer<Copied> for T {}
            impl<T: ?Sized + std::fmt::Debug> Answer<Debugged> for T {}
            impl<T: ?Sized + std::fmt::Display> Answer<Displayed> for T {}
            impl<T: ?Sized + serde::Serialize> Answer<Serialised> for T {}
            <$type as Answer<_>>::is_unique
        };
    )+};
}

never_copied_or_shown!(crate::vault::SecretBuf, crate::vault::Vault, crate::vault::Record);
#[cfg(unix)]
never_copied_or_shown!(crate::vault::Passage, crate::token::Order<'static>);
never_copied_or_shown!(crate::message::Request<'static>, crate::message::AddIdentity<'static>);
never_copied_or_shown!(crate::message::PrivateKey<'static>, crate::message::SkPrivate<'static>);
never_copied_or_shown!(crate::message::AddToken<'static>, crate::message::sk_helper::SignRequest<'static>);
never_copied_or_shown!(crate::key::Key, crate::key::Imported, crate::key::Sk, crate::key::TokenKey);
never_copied_or_shown!(crate::agent::PasswordHash, crate::agent::Permit, crate::agent::Outcome);
never_copied_or_shown!(crate::agent::Agent);
